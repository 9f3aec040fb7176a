"""What operators did, and jumps of the clock: reported once, by whichever process leads.

What operators want is compared with what was noted of it last, so that it does not matter which
process was told. Leaves out how they are carried out (`operator_commands`, `leader_election`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from bot.clock import Jump
from bot.core.events import Noted, NoteKind
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, StateRecord

KIND: Final = "noted"


class OperatorIntent(Struct, frozen=True):
    """What operators want: whether the loop runs, why nothing is entered, when they resumed.

    Until an operator has `said` something, BOT_ENABLED decides whether it runs. `closing` is when
    they asked for the positions of these markets to be closed, `flatten` when for all.
    """

    runs: bool
    said: bool = False
    killed: str | None = None
    resumed: datetime | None = None
    closing: Mapping[str, datetime] = field(default_factory=dict)
    flatten: datetime | None = None


def _unknown() -> OperatorIntent | None:
    return None


def _steady() -> Sequence[Jump]:
    return ()


class OperatorNotices:
    """Notes what changed; `wanted` is what operators want now, None while that is not known."""

    def __init__(
        self,
        wanted: Callable[[], OperatorIntent | None] = _unknown,
        jumps: Callable[[], Sequence[Jump]] = _steady,
    ) -> None:
        """`jumps` are those of the machine's clock since they were asked for last."""
        self._wanted = wanted
        self._jumps = jumps
        self._codec = RecordCodec(KIND, OperatorIntent)
        self._noted: OperatorIntent | None = None
        self._committed: OperatorIntent | None = None
        self._pending: list[Noted] = []

    def poll(self, at: datetime) -> list[Noted]:
        """What is new since the last poll; `taken` returns it once more, for the commit."""
        found = [_jumped(jump) for jump in self._jumps()]
        now = self._wanted()
        if now is not None:
            # A new account starts from the present flags: nothing has changed yet.
            found += [] if self._noted is None else _changes(at, self._noted, now)
            self._noted = now
        self._pending += found
        return found

    def add(self, event: Noted) -> None:
        """One more thing that happened: it is kept with what is new."""
        self._pending.append(event)

    def taken(self) -> tuple[list[Noted], list[StateRecord]]:
        """What to commit since the last call."""
        pending, self._pending = self._pending, []
        if self._noted == self._committed:
            return pending, []
        self._committed = self._noted
        return pending, [self._codec.state_record("", self._noted)]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from what was noted last."""
        self._noted = self._committed = self._codec.read(checkpoint).get("")
        self._pending = []


def _changes(at: datetime, before: OperatorIntent, now: OperatorIntent) -> Iterable[Noted]:
    if now.resumed != before.resumed and now.resumed is not None:
        message = "an operator resumed: entries are allowed unless another rule stops them"
        yield Noted(at, NoteKind.RESUMED, message)
    if now.killed is not None and (now.killed != before.killed or now.resumed != before.resumed):
        message = f"an operator killed entries ({now.killed}): POST /bot/resume allows them again"
        yield Noted(at, NoteKind.KILLED, message)
    if now.said and now.runs and not before.runs:
        yield Noted(at, NoteKind.STARTED, "an operator started the bot (POST /bot/start)")
    if now.said and before.runs and not now.runs:
        message = "an operator stopped the bot: POST /bot/start starts it again"
        yield Noted(at, NoteKind.STOPPED, message)
    if now.flatten is not None and now.flatten != before.flatten:
        message = "an operator wants all positions closed; POST /bot/resume ends that"
        yield Noted(at, NoteKind.FLATTEN_REQUESTED, message)
    for ticker, asked in now.closing.items():
        if asked != before.closing.get(ticker):
            message = f"an operator wants the position in {ticker} closed"
            yield Noted(at, NoteKind.CLOSE_REQUESTED, message)


def _jumped(jump: Jump) -> Noted:
    way = "ahead" if jump.seconds > 0 else "back"
    message = (
        f"the clock of this machine jumped {abs(jump.seconds):,.0f} s {way}: it is not followed "
        "until the exchange has the same time, or for ten minutes"
    )
    return Noted(jump.at, NoteKind.CLOCK_JUMPED, message)
