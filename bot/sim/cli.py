"""`kalshi-sim`, `python -m bot simulate`: the simulated exchange as a server, for any client.

It listens on this machine only. The key it writes trades for one member account.
"""

import argparse
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from bot.clock import Clock, SystemClock
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import SHARDS
from bot.sim.engine.units import micros
from bot.sim.faults.install import install
from bot.sim.faults.schedule import FaultSchedule, ScheduleError, load_schedule
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key, write_key_file
from bot.sim.rest.limits import TIERS, RateLimiter
from bot.sim.rest.server import PREFIX, create_exchange_app
from bot.sim.stream.wire import SERVED
from bot.sim.world.demo import demo_exchange
from bot.sim.world.driver import WorldDriver

MEMBER = "member"
_HOST = "127.0.0.1"


def main(argv: Sequence[str]) -> int:
    """Serve until stopped; the exit code. A wrong argument leaves with SystemExit(2)."""
    arguments = parsed(argv)
    app = simulated(arguments, SystemClock())
    with _listening(arguments.port) as listening:
        # Only now: whoever reads this line can connect.
        address = f"http://{_HOST}:{listening.getsockname()[1]}{PREFIX}"
        sys.stdout.write(f"simulated exchange: {address}\n")
        sys.stdout.flush()
        _server(app).run([listening])
    return 0


def run() -> None:
    """The program `kalshi-sim`."""
    with suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))


def _listening(port: int) -> socket.socket:
    """A socket on this machine; a port that is taken ends the process, saying so."""
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        sys.exit(f"simulate: cannot listen on port {port} ({error.strerror}); give another --port")


def simulated(arguments: argparse.Namespace, clock: Clock) -> Starlette:
    """The application that the arguments ask for; writes the key file."""
    exchange, driver = _exchange(arguments, clock)
    if arguments.weekly_pause:
        exchange.schedule_weekly_pause()
    cash = {shard: micros(arguments.cash) for shard in range(len(SHARDS))}
    exchange.open_account(MEMBER, cash)
    key, pem = made_key(MEMBER, arguments.key_kind)
    if arguments.keys is not None:
        write_key_file(arguments.keys, key.key_id, pem)
    limiter = RateLimiter(arguments.tier, public=arguments.limit_public)
    app = create_exchange_app(exchange, driver, clock, KeyRing({key.key_id: key}), limiter)
    install(app, arguments.faults)
    return app


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", **SERVED))


def _exchange(arguments: argparse.Namespace, clock: Clock) -> tuple[Exchange, WorldDriver]:
    """The made-up world, or the one of a recording; a recording that is none ends the process."""
    if arguments.tape is None:
        return demo_exchange(clock, arguments.seed, arguments.speed)
    # Reading a tape takes Arrow, which a made-up world does without.
    from bot.sim.world.tape import tape_exchange  # noqa: PLC0415

    try:
        return tape_exchange(clock, arguments.tape, arguments.speed)
    except ValueError as error:
        sys.exit(f"simulate: {error}")


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments. A wrong one leaves with SystemExit(2)."""
    parser = argparse.ArgumentParser(prog="kalshi-sim", description=__doc__)
    add = parser.add_argument
    add("--port", type=_port, default=8090, help="where to listen on this machine; 0 picks one")
    add("--seed", type=int, default=7, help="the same seed gives the same world")
    add("--tape", type=Path, help="show these recorded books instead of a made-up world")
    add("--keys", type=Path, help="file for the API key that may trade: JSON, readable by you only")
    add("--key-kind", type=KeyKind, default=KeyKind.RSA, choices=list(KeyKind))
    add("--speed", type=_speed, default=1.0, help="seconds there for each one here")
    add("--cash", type=_dollars, default=Decimal(1_000), help="dollars on each shard")
    add("--tier", choices=sorted(TIERS), help="rate limits of this tier; none if left out")
    add("--weekly-pause", action="store_true", help="pause early on Thursdays, as Kalshi does")
    add("--limit-public", action="store_true", help="limit unsigned reads too")
    add("--faults", type=_schedule, default=FaultSchedule(), help="a script of faults to fail by")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not 0 <= (port := int(text)) < 65_536:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65,535")
    return port


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 10,000")
    return speed


def _schedule(text: str) -> FaultSchedule:
    try:
        return load_schedule(Path(text))
    except ScheduleError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _dollars(text: str) -> Decimal:
    try:
        dollars = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text} is no amount of dollars") from error
    if not (dollars.is_finite() and 0 <= dollars <= 10**9 and dollars == dollars.quantize(_CENT)):
        raise argparse.ArgumentTypeError(f"{text} is not a positive amount of whole cents")
    return dollars


_CENT = Decimal("0.01")
