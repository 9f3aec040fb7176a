"""What makes two events news of one thing, so that people are told of it once, with a count."""

from collections.abc import Hashable

from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    OrderEnded,
    OrderRefused,
)
from bot.core.market.orders import Execution


def about(event: Event) -> Hashable:
    """The rule that refused or stopped, or what failed; None for what stands for itself."""
    match event:
        case OrderRefused(reason=reason, rule=rule):
            return OrderRefused, rule or reason
        case EntriesStopped(reason=reason, rule=rule):
            return EntriesStopped, rule or reason
        case EntriesResumed(rule=rule):
            return EntriesResumed, rule
        case FetchFailed(what=what):
            return FetchFailed, what
        case OrderEnded(execution=Execution(fills=(), status=status, error=error)):
            return OrderEnded, status, error
    return None
