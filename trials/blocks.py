"""`python -m trials.blocks`: what holds the event loop, by the CPU time that it takes there.

The service's app with its bot at work on many markets, in this process, and visitors if asked for.
A beat in the loop tells how much processor time of the loop's thread passed since the last one; a
second thread looks where that thread is, once it is over the limit. CPU time, not the clock on the
wall: other programs on the machine do not count. What is found while a C function holds the
interpreter shows only where it returned to.
"""

import argparse
import asyncio
import gc
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import httpx
import uvicorn
import uvloop

from bench.service import AUTHORIZATION, at_work
from bot.journal.terminal import spell_out
from trials.attacks import attacked
from trials.processes import HOST, ROOT, free_port, until

#: Seconds of CPU time from one beat to the next that are worth a line.
LIMIT: Final = 0.010
_BEAT: Final = 0.001
_NAMED: Final = 15
#: Of a stack, the innermost frames of our own that are named.
_FRAMES: Final = 3


@dataclass
class Blocks:
    """Where the loop was held, with how long each time, seconds of CPU."""

    found: dict[str, list[float]] = field(default_factory=dict)
    beats: int = 0
    _place: str = "nobody looked in time"
    _at: float = 0.0

    def beat(self) -> None:
        """The loop goes on; to be called in it, again and again."""
        now = time.thread_time()
        held = now - self._at
        if self._at and held > LIMIT:
            self.found.setdefault(self._place, []).append(held)
        self._at, self._place = now, "nobody looked in time"
        self.beats += 1

    def watch(self, thread: int, ended: threading.Event) -> None:
        """Look where that thread is whenever its beat is late."""
        clock = time.pthread_getcpuclockid(thread)
        while not ended.wait(_BEAT):
            frame = sys._current_frames().get(thread)
            if frame is not None and time.clock_gettime(clock) - self._at > LIMIT:
                self._place = _where(frame)


def _where(frame: FrameType) -> str:
    ours = [one for one in traceback.extract_stack(frame) if one.filename.startswith(str(ROOT))]
    ours = [one for one in ours if ".venv" not in one.filename]
    names = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in ours[-_FRAMES:]]
    return " < ".join(reversed(names)) or frame.f_code.co_qualname


async def measured(markets: int, seconds: float, port: int) -> Blocks:
    """The service at work for so long."""
    app = at_work(str(markets))
    # As in `main`: what is imported stays, and is not looked through for garbage.
    gc.freeze()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve())
    await asyncio.to_thread(_start_bot, port)
    blocks, ended = Blocks(), threading.Event()
    me = threading.get_ident()
    watcher = threading.Thread(target=blocks.watch, args=(me, ended), daemon=True)
    watcher.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(_BEAT)
        blocks.beat()
    ended.set()
    await asyncio.to_thread(watcher.join)
    server.should_exit = True
    await serving
    return blocks


def _start_bot(port: int) -> None:
    """Once it listens."""
    headers = {"Authorization": AUTHORIZATION}

    def answered() -> bool:
        with suppress(httpx.ConnectError):
            return httpx.post(
                f"http://{HOST}:{port}/bot/start", headers=headers, timeout=30
            ).is_success
        return False

    until(answered, "the service answers")


def main(argv: Sequence[str]) -> int:
    """Prints where the loop was held, most first."""
    spell_out()
    parser = argparse.ArgumentParser(prog="python -m trials.blocks", description=__doc__)
    parser.add_argument("--markets", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--attack", help="of trials.attacks, such as burst_history")
    wanted = parser.parse_args(argv)
    port = free_port()
    visited = attacked(port, wanted.attack) if wanted.attack else nullcontext()
    with visited, suppress(KeyboardInterrupt):
        blocks = uvloop.run(measured(wanted.markets, wanted.seconds, port))
    held = sum(map(len, blocks.found.values()))
    longest = max((max(times) for times in blocks.found.values()), default=0.0)
    sys.stdout.write(
        f"{blocks.beats} beats; {held} times over {LIMIT * 1e3:.0f} ms of CPU, "
        f"{longest * 1e3:.0f} ms at most\n"
    )
    by_sum = sorted(blocks.found.items(), key=lambda one: -sum(one[1]))
    for place, times in by_sum[:_NAMED]:
        sys.stdout.write(f"{len(times):5} times, {max(times) * 1e3:5.0f} ms at most: {place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
