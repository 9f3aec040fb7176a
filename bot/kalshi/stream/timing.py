"""How old what a stream told is, by the exchange's clock and by ours. No I/O.

A command that is answered proves, by our clock alone, that all that was sent before it has arrived.
It also tells how the two clocks stand: the exchange's stamp lies between our sending and our
receiving. Stamps of frames then tell how late the line is, stamps of events how late the
exchange's own pipeline is. What is known is the least of all these.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

#: Answers remembered; of those the fastest one knows best how the clocks stand.
REMEMBERED: Final = 20
#: Seconds that the clocks may drift from one answer to another; more than that is a jump.
DRIFT: Final = 0.05
#: Seconds for which the last event says how late the pipeline is.
LATENESS_HOLDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Reply:
    took: float
    offset: float


class StreamTiming:
    """All times in seconds; `at` is our clock, `..._ms` are milliseconds of the exchange's."""

    def __init__(self) -> None:
        self._replies: deque[_Reply] = deque(maxlen=REMEMBERED)
        self._best: _Reply | None = None
        self._answered_up_to: float | None = None
        self._sent_ms: int | None = None
        self._heard_at = 0.0
        self._late = 0.0
        self._late_since = 0.0

    @property
    def offset(self) -> float | None:
        """By how much the exchange's clock is ahead of ours; None while nothing tells."""
        return self._best.offset if self._best else None

    def replied(self, asked_at: float, at: float, sent_ms: int | None) -> None:
        """A command given at `asked_at` is answered."""
        self._answered_up_to = asked_at
        if sent_ms is not None:
            self._compare(_Reply(at - asked_at, sent_ms / 1000 - (asked_at + at) / 2))
        self.heard(at, sent_ms)

    def heard(self, at: float, sent_ms: int | None) -> None:
        """A frame has come."""
        self._heard_at = at
        if sent_ms is not None:
            self._sent_ms = sent_ms

    def happened(self, at: float, event_ms: int, sent_ms: int | None) -> None:
        """A frame has come about something that happened then."""
        self._heard_at = at
        if sent_ms is not None:
            self._sent_ms = sent_ms
        elif self._best is not None:
            sent_ms = int((at + self._best.offset) * 1000)
        else:
            return
        # Stamps that lie ahead are known of this exchange: they are not late.
        self._late, self._late_since = max(0.0, (sent_ms - event_ms) / 1000), at

    def known_up_to(self, at: float) -> float | None:
        """The moment of our clock up to which all that happened has arrived; None: not known."""
        if self._answered_up_to is None:
            return None
        known = self._answered_up_to
        if self._best is not None and self._sent_ms is not None:
            sent = self._sent_ms / 1000 - self._best.offset - self._best.took / 2
            known = min(known, sent, self._heard_at)
        return known - (self._late if at - self._late_since < LATENESS_HOLDS else 0.0)

    def _compare(self, reply: _Reply) -> None:
        """What an answer says of the clocks; if one of them has jumped, only that counts."""
        best = self._best
        if best is not None:
            uncertain = (best.took + reply.took) / 2 + DRIFT
            if abs(reply.offset - best.offset) > uncertain:
                self._replies.clear()
        self._replies.append(reply)
        self._best = min(self._replies, key=lambda one: one.took)
