"""What folding the stream costs: deltas a second on one core, and a message to a changed book.

`python -m bench.stream [--markets 10000]`. The floor is msgspec decoding the same frames and
nothing else. Last what the books of many markets cost: memory, and a beat that reads them all.
"""

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable

import msgspec
import numpy as np

from bench.common import in_turn, machine, ratio, say
from bench.sim_orders import Bench
from bench.sim_stream import LIMITS, Unspoiled, recorded
from bot.core.market.book_store import BookStore
from bot.kalshi.stream.changes import StreamChanges
from bot.kalshi.stream.protocol import StreamProtocol
from bot.sim.stream.answers import answer
from bot.sim.stream.hub import Hub
from bot.sim.stream.session import StreamSession

ROUNDS = 7
#: Levels a side of a book where many are kept.
LEVELS = 20
DEFAULT_MARKETS = 10_000
NOW = 1_800_000_000.0


def frames() -> tuple[list[bytes], list[bytes]]:
    """The frames up to the snapshots, and those of the deltas."""
    bench = Bench()
    session = StreamSession(
        Hub(bench.exchange), "member", may_read=True, limits=LIMITS, spoiler=Unspoiled()
    )
    client = StreamProtocol(BookStore())
    client.connected(NOW)
    client.watch(bench.tickers, NOW)
    for text in client.outgoing():
        answer(session, text)
    first = [frame.encode() for frame in session.take(0)]
    for delta in recorded():
        session.hub.on_event(delta)
    return first, [frame.encode() for frame in session.take(0)]


def client_with(first: list[bytes]) -> StreamProtocol:
    """A client that has the snapshots."""
    client = StreamProtocol(BookStore())
    # As in the service: somebody wants to know what changed.
    client.listeners.append(StreamChanges())
    client.connected(NOW)
    client.watch(Bench().tickers, NOW)
    client.outgoing()
    for text in first:
        client.receive(text, NOW)
    return client


def seconds(work: Callable[[bytes], object], texts: list[bytes]) -> float:
    """CPU seconds for all of these."""
    began = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - began


def folded(first: list[bytes], deltas: list[bytes]) -> float:
    """CPU seconds to fold them."""
    client = client_with(first)
    spent = seconds(lambda text: client.receive(text, NOW), deltas)
    if client.counts["gaps"] or client.counts["broken"]:
        raise RuntimeError(f"the frames are no whole stream: {client.counts}")
    return spent


def single(first: list[bytes], deltas: list[bytes]) -> list[float]:
    """Microseconds from each message to its changed book."""
    client = client_with(first)
    took = []
    for text in deltas:
        began = time.perf_counter_ns()
        client.receive(text, NOW)
        took.append((time.perf_counter_ns() - began) / 1_000)
    return np.percentile(took, [50, 99, 99.9]).tolist()


def many(count: int) -> None:
    """What the books of so many markets cost."""
    tracemalloc.start()
    store = BookStore(count)
    for number in range(count):
        bids = {(300 + level) * 1_000: 100 + level for level in range(LEVELS)}
        asks = {(400 + level) * 1_000: 100 + level for level in range(LEVELS)}
        store.replace(f"KXMARKET-{number}", bids, asks)
    tickers = store.tickers
    seen_at = np.zeros(count)
    store.read(tickers, seen_at)
    held = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    say(f"{count} books of {LEVELS} levels a side: {held:.0f} MB")
    for share in (0.02, 0.2, 1.0):
        changed = tickers[: int(count * share)]
        for ticker in changed:
            bids, asks = store.levels(ticker)
            store.replace(ticker, bids, asks)
        began = time.process_time()
        store.read(tickers, seen_at)
        spent = (time.process_time() - began) * 1_000
        say(f"  a beat that reads them all, {share:.0%} changed: {spent:.0f} ms of CPU")


def main() -> None:
    """Measure and say."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--markets", type=int, default=DEFAULT_MARKETS)
    count = arguments.parse_args().markets
    say(f"Folding the stream ({machine()})")
    first, deltas = frames()
    decode = msgspec.json.Decoder().decode
    gc.collect()
    rounds = in_turn(lambda: folded(first, deltas), lambda: seconds(decode, deltas), ROUNDS)
    ours, floor = (min(one) for one in zip(*((r.ours, r.theirs) for r in rounds), strict=True))
    say(f"{len(deltas)} deltas: {len(deltas) / ours:,.0f} a second on one core")
    say(f"msgspec alone: {len(deltas) / floor:,.0f}; folding takes {ratio(rounds)} times its time")
    middle, p99, worst = single(first, deltas)
    say(f"message to changed book: median {middle:.1f} µs, p99 {p99:.1f} µs, p99.9 {worst:.1f} µs")
    many(count)


if __name__ == "__main__":
    main()
