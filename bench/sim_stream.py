"""What the simulated stream can take: book deltas a second to one subscriber, on one core.

`python -m bench.sim_stream`. CPU seconds of the serving process are counted; over TCP the client
is a process of its own. The floor is what it costs to write the same deltas down as JSON, and
nothing else.
"""

import asyncio
import sys
import time

import orjson
import uvicorn
from websockets.asyncio.client import connect

from bench.common import machine, say
from bench.sim_orders import Bench, Member, Still, cpu_seconds
from bot.sim.engine.events import BookDelta, SimEvent
from bot.sim.engine.units import PRICE_TEXT, size_text
from bot.sim.rest.server import create_exchange_app
from bot.sim.stream.answers import answer
from bot.sim.stream.hub import Hub
from bot.sim.stream.render import market_id, milliseconds
from bot.sim.stream.session import StreamSession
from bot.sim.stream.socket import STREAM_PATH
from bot.sim.stream.terms import StreamLimits, StreamTerms
from bot.sim.stream.wire import SERVED

OPERATIONS = 60_000
#: Operations between two looks of the event loop.
BURST = 200
ROUNDS = 3
LIMITS = StreamLimits(buffer=10**9)


class Unspoiled:
    """No faults."""

    spoils_frames = False

    def error(self, _channel: str) -> int:
        """Never asked."""
        return 0

    def frames(self, _channel: str, _frame: str) -> None:
        """Never asked."""


def trade(bench: Bench, count: int) -> None:
    """So many operations: three placed, far from each other, for one cancelled."""
    for number in range(count):
        account = bench.agents[number % 10]
        if number % 4 == 3 and account.open_orders:
            bench.exchange.cancel(account, next(iter(account.open_orders)))
        else:
            bench.exchange.place(account, bench.request(1))


def recorded() -> list[BookDelta]:
    """The deltas of the operations."""
    bench = Bench()
    deltas: list[BookDelta] = []

    def commit_pass(event: SimEvent) -> None:
        if isinstance(event, BookDelta):
            deltas.append(event)

    bench.exchange.subscribe(commit_pass)
    trade(bench, OPERATIONS)
    return deltas


def subscribe_text(bench: Bench) -> str:
    """The command that subscribes to every book."""
    params = {"channels": ["orderbook_delta"], "market_tickers": bench.tickers}
    return orjson.dumps({"id": 1, "cmd": "subscribe", "params": params}).decode()


def floor(deltas: list[BookDelta]) -> float:
    """Deltas a second that are only written down as JSON."""
    ids = {ticker: market_id(ticker) for ticker in Bench().tickers}

    def work() -> None:
        for number, delta in enumerate(deltas):
            when = milliseconds(delta.at)
            msg = {
                "market_ticker": delta.ticker,
                "market_id": ids[delta.ticker],
                "clock": delta.clock,
                "price_dollars": PRICE_TEXT[delta.price],
                "delta_fp": size_text(delta.change),
                "side": "yes",
                "ts": "2026-11-23T00:00:00.000Z",
                "ts_ms": when,
            }
            frame = {"type": "orderbook_delta", "sid": 1, "seq": number, "msg": msg}
            orjson.dumps({**frame, "sending_ts_ms": when})

    return len(deltas) / cpu_seconds(work)


def stream_alone(deltas: list[BookDelta], readers: int = 1) -> float:
    """Deltas a second through the stream, up to the texts that go to the connections."""
    bench = Bench()
    hub = Hub(bench.exchange)
    sessions = [
        StreamSession(hub, "member", may_read=True, limits=LIMITS, spoiler=Unspoiled())
        for _ in range(readers)
    ]
    for session in sessions:
        answer(session, subscribe_text(bench))

    def work() -> None:
        for start in range(0, len(deltas), BURST):
            for delta in deltas[start : start + BURST]:
                hub.on_event(delta)
            for session in sessions:
                session.take(0)

    return len(deltas) / cpu_seconds(work)


def with_engine(count: int, *, streamed: bool) -> float:
    """Deltas a second of an exchange at work, with one subscriber in-process or with none."""
    bench = Bench()
    session = StreamSession(
        Hub(bench.exchange), "member", may_read=True, limits=LIMITS, spoiler=Unspoiled()
    )
    if streamed:
        answer(session, subscribe_text(bench))

    def work() -> None:
        for _ in range(0, OPERATIONS, BURST):
            trade(bench, BURST)
            session.take(0)

    return count / cpu_seconds(work)


async def over_tcp(count: int) -> tuple[float, float]:
    """Deltas a second of CPU and on the wall: engine, stream, uvicorn and the kernel."""
    bench, still = Bench(), Still()
    member = Member(bench)
    app = create_exchange_app(bench.exchange, still, still, member.keys)
    app.state.stream.terms = StreamTerms(LIMITS)
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="warning", lifespan="off", **SERVED)
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    served = asyncio.create_task(server.serve([socket]))
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.sim_stream", "client"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    measured = await run_client(client, bench, member, socket.getsockname()[1], count)
    server.should_exit = True
    await served
    return measured


async def run_client(
    client: asyncio.subprocess.Process, bench: Bench, member: Member, port: int, count: int
) -> tuple[float, float]:
    """Tell the client what to do, then trade until it has seen every delta."""
    if client.stdin is None or client.stdout is None:
        raise RuntimeError("the client has no pipes")
    headers = {
        name.decode(): value.decode()
        for name, value in member.scope("GET", STREAM_PATH)["headers"]
        if name.startswith(b"kalshi")
    }
    url = f"ws://127.0.0.1:{port}{STREAM_PATH}"
    job = {"url": url, "headers": headers, "say": subscribe_text(bench), "count": count}
    client.stdin.write(orjson.dumps(job) + b"\n")
    await client.stdout.readline()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(0, OPERATIONS, BURST):
        trade(bench, BURST)
        await asyncio.sleep(0)
    await client.stdout.readline()
    measured = time.process_time() - cpu, time.perf_counter() - wall
    client.stdin.close()
    await client.wait()
    return count / measured[0], count / measured[1]


async def listen() -> None:
    """The client: subscribes, says so, counts deltas, says when it has them all."""
    job = orjson.loads(sys.stdin.readline())
    async with connect(job["url"], additional_headers=job["headers"], max_queue=None) as stream:
        await stream.send(job["say"])
        while b'"clock":0' not in await stream.recv(decode=False):
            pass
        say("ready")
        # Ninety-nine more empty books, then the deltas.
        seen = -(len(Bench().tickers) - 1)
        while seen < job["count"]:
            await stream.recv(decode=False)
            seen += 1
        say("done")


def main() -> int:
    """Measure and report, a line each."""
    if sys.argv[1:] == ["client"]:
        asyncio.run(listen())
        return 0
    deltas = recorded()
    count = len(deltas)
    tcp = [asyncio.run(over_tcp(count)) for _ in range(ROUNDS)]
    encoded = max(floor(deltas) for _ in range(ROUNDS))
    alone = max(stream_alone(deltas) for _ in range(ROUNDS))
    ten = max(stream_alone(deltas, 10) for _ in range(ROUNDS))
    report = [
        f"floor, JSON only:        {encoded:,.0f} deltas/s",
        f"stream alone:            {alone:,.0f} deltas/s ({encoded / alone:.2f} floors)",
        f"stream to ten readers:   {ten:,.0f} deltas/s, {10 * ten:,.0f} frames/s",
        f"engine, nobody listens:  {with_engine(count, streamed=False):,.0f} deltas/s",
        f"engine and stream:       {with_engine(count, streamed=True):,.0f} deltas/s",
        f"all of it over TCP:      {max(cpu for cpu, _ in tcp):,.0f} deltas/s of CPU, "
        f"{max(wall for _, wall in tcp):,.0f} on the wall",
    ]
    for line in [machine(), f"{count:,} deltas, one subscriber to every book", *report]:
        say(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
