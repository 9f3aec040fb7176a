"""Puts the stream, the faults and their control route on the application of the exchange."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from bot.sim.faults.active import Faults
from bot.sim.faults.answers import AnswerChanges
from bot.sim.faults.control import FaultControl
from bot.sim.faults.middleware import FaultGate
from bot.sim.faults.schedule import FaultSchedule
from bot.sim.rest.service import RestContext
from bot.sim.stream.socket import STREAM_PATH, StreamSocket


def attach(app: Starlette, service: RestContext) -> None:
    """Add everything that is not REST, before the application serves its first request.

    The stream and the faults are then at `app.state.stream` and `app.state.faults`.
    """
    faults = Faults(service)
    stream = StreamSocket(service, faults)
    app.router.routes += [WebSocketRoute(STREAM_PATH, stream), *FaultControl(faults).routes()]
    app.add_middleware(FaultGate, faults=faults, changes=AnswerChanges(service))
    app.state.stream, app.state.faults = stream, faults


def install(app: Starlette, schedule: FaultSchedule) -> None:
    """Let an application of the exchange fail by a schedule that begins now."""
    faults: Faults = app.state.faults
    faults.follow(schedule)
