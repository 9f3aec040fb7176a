"""How live orders compare with their paper twins, by category of market: of the newest."""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

from bot.core.events import Event, TwinCompared
from bot.core.market.twin import Pair, TwinGroup, grouped
from bot.ports.cycle_result import CycleResult
from bot.ports.persistence import Checkpoint, CommittedChanges
from bot.ports.twin_views import TwinGroupView, TwinView
from bot.signals.observations import Predictions

#: Orders that the figures are over: the newest.
REMEMBERED: Final = 5_000
_ON_PAPER: Final = "paper: every order is its own twin"
_NONE_YET: Final = "no live order has been compared yet"
UNKNOWN: Final = "unknown"


class TwinPanel:
    """Remembers compared orders; all comes from events, also after a restart."""

    def __init__(self, *, is_live: bool) -> None:
        self._reason = _NONE_YET if is_live else _ON_PAPER
        self._pairs: deque[tuple[str, Pair]] = deque(maxlen=REMEMBERED)

    @property
    def view(self) -> TwinView:
        """The figures of all, and by category."""
        if not self._pairs:
            return TwinView(reason=self._reason)
        by_category: dict[str, list[Pair]] = defaultdict(list)
        for category, pair in self._pairs:
            by_category[category].append(pair)
        total = _view("all", grouped([pair for _, pair in self._pairs]))
        groups = [_view(name, grouped(pairs)) for name, pairs in sorted(by_category.items())]
        return TwinView(total=total, categories=tuple(groups))

    def on_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, TwinCompared):
                order = event.order
                pair = Pair(order.side, order.size, event.live, event.paper)
                self._pairs.append((event.category or UNKNOWN, pair))

    def on_predictions(self, predictions: Predictions) -> None:
        """Nothing of a twin is known from predictions."""

    async def on_cycle_end(self, result: CycleResult) -> None:
        """Reckoned when somebody asks."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Begin with what was compared."""
        self._pairs.clear()
        self.on_events(checkpoint.events)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self.on_events(news.events)


def _view(name: str, group: TwinGroup) -> TwinGroupView:
    return TwinGroupView(
        category=name,
        orders=group.orders,
        contracts=group.contracts,
        live_fill_rate=group.live_fill_rate,
        paper_fill_rate=group.paper_fill_rate,
        price_gap=group.price_gap,
        fee_gap=group.fee_gap,
    )
