"""Figures of a run over a tape, with intervals that redraw events, never trades.

Trades of one event move together, so a bootstrap over trades would promise too much. Cents a
contract are after fees, over the contracts of all closed round trips.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import numpy as np

from bot.backtest.outcome import ClosedTrip, Outcome
from bot.core.market.market import Side
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Floats
from bot.core.market.orders import Fill
from bot.research.metrics import interval, redraws

#: Seconds after a fill at which the mid is compared with its price.
MARKOUTS: Final = (1.0, 5.0, 10.0, 60.0)
#: Seconds by which the book of a markout may come late.
_LATE: Final = 5.0
_SEED: Final = 20_260_101
_DRAWS: Final = 1_000

Group = Callable[[ClosedTrip], str]
GROUPS: Final[Mapping[str, Group]] = {
    "series": lambda trip: trip.ticker.split("-")[0],
    "market": lambda trip: trip.ticker,
    "hour": lambda trip: f"{trip.opened_at:%H}:00 UTC",
    "exit": lambda trip: trip.how,
    "entry": lambda trip: "long" if trip.side is Side.BUY else "short",
}


def event_of(ticker: str) -> str:
    """The event a market belongs to by its name: all of it but the last part.

    >>> event_of("KXBTC15M-26MAY110200-00")
    'KXBTC15M-26MAY110200'
    """
    return ticker.rsplit("-", 1)[0] if ticker.count("-") > 1 else ticker


def account_figures(outcome: Outcome) -> dict[str, Any]:
    """What the account came to. Amounts in dollars."""
    portfolio, equity = outcome.portfolio, outcome.equity
    fall = np.maximum.accumulate(equity) - equity
    turnover = sum(measured(fill.size * fill.price) for fill in outcome.fills)
    return {
        "start": measured(portfolio.start),
        "end": measured(outcome.end_equity),
        "fees": measured(portfolio.fees),
        "net_of_closed": float(_nets(outcome.trips).sum()),
        "open_positions": len(portfolio.positions),
        "max_drawdown": float(fall.max(initial=0.0)),
        "max_exposure": float(outcome.exposure.max(initial=0.0)),
        "mean_exposure": float(outcome.exposure.mean()),
        "time_in_market": float((outcome.exposure > 0).mean()),
        "turnover": turnover,
    }


def trade_figures(trips: Sequence[ClosedTrip]) -> dict[str, Any]:
    """Of closed round trips: how many, how they ended, what a contract earned on average."""
    if not trips:
        return {"count": 0}
    net = _nets(trips)
    won, lost = net[net > 0], net[net < 0]
    events = [event_of(trip.ticker) for trip in trips]
    mean, bounds = _ratio(net * 100, _contracts(trips), events)
    held = [(trip.closed_at - trip.opened_at).total_seconds() for trip in trips]
    return {
        "count": len(trips),
        "events": len(set(events)),
        "contracts": sum(measured(trip.size) for trip in trips),
        "win_rate": len(won) / len(trips),
        "profit_factor": float(won.sum() / -lost.sum()) if len(lost) else None,
        "average_win": float(won.mean()) if len(won) else None,
        "average_loss": float(lost.mean()) if len(lost) else None,
        "best": float(net.max()),
        "worst": float(net.min()),
        "median_seconds_held": float(np.median(held)),
        "cents_a_contract": mean,
        "interval": bounds,
    }


def grouped(trips: Sequence[ClosedTrip], group: Group) -> dict[str, dict[str, Any]]:
    """The figures of each group, by its name."""
    ranked = sorted(trips, key=group)
    return {name: trade_figures(list(part)) for name, part in groupby(ranked, key=group)}


def cents_a_contract(trips: Sequence[ClosedTrip]) -> float:
    """Net cents over contracts; NaN without a trip."""
    return float(_nets(trips).sum() * 100 / _contracts(trips).sum()) if trips else float("nan")


@dataclass(slots=True)
class Markouts:
    """How far the mid was on the position's side of a fill's price, seconds after it.

    An exit is on the other side than its position, so after one a rise is what was missed. A fill
    without a two-sided book of its market in time is left out of that row.
    """

    are_exits: bool = False
    _fills: list[Fill] = field(default_factory=list)
    _moves: list[list[float]] = field(default_factory=list)

    def follow(self, fills: Sequence[Fill], books: Books) -> None:
        """Add the fills of a piece of a tape, with the books after them."""
        paths = _mid_paths(books, {fill.ticker for fill in fills})
        sign = -1 if self.are_exits else 1
        for fill in fills:
            path = paths[fill.ticker]
            self._fills.append(fill)
            self._moves.append([sign * _moved(fill, *path, seconds) for seconds in MARKOUTS])

    @property
    def count(self) -> int:
        """How many fills are followed."""
        return len(self._fills)

    def figures(self) -> dict[str, dict[str, Any]]:
        """The mean in cents a contract, by seconds."""
        found = {}
        for seconds, moves in zip(MARKOUTS, zip(*self._moves, strict=True), strict=False):
            pairs = zip(moves, self._fills, strict=True)
            known = [pair for pair in pairs if np.isfinite(pair[0])]
            sizes = np.array([measured(fill.size) for _, fill in known])
            gains = np.array([move for move, _ in known]) * sizes
            if known:
                mean, bounds = _ratio(gains, sizes, [event_of(fill.ticker) for _, fill in known])
                found[f"{seconds:g}"] = {"fills": len(known), "cents": mean, "interval": bounds}
        return found


def _nets(trips: Sequence[ClosedTrip]) -> Floats:
    """What closed trips earned after fees, in dollars."""
    return np.array([measured(trip.net) for trip in trips])


def _contracts(trips: Sequence[ClosedTrip]) -> Floats:
    return np.array([measured(trip.size) for trip in trips])


def _ratio(
    amounts: Floats, contracts: Floats, events: Sequence[str]
) -> tuple[float, tuple[float, float] | None]:
    mean = float(amounts.sum() / contracts.sum())
    codes = np.unique(np.array(events), return_inverse=True)[1]
    if codes.max() < 1:
        return mean, None
    weights = redraws(codes, _SEED, _DRAWS)
    with np.errstate(invalid="ignore"):
        return mean, interval((weights @ amounts) / (weights @ contracts))


def _mid_paths(books: Books, tickers: set[str]) -> dict[str, tuple[Floats, Floats]]:
    """When each market had two sides, and its mid then, in dollars."""
    rows: dict[str, list[int]] = {ticker: [] for ticker in tickers}
    mids = books.mid
    for row, ticker in enumerate(books.tickers):
        if ticker in rows and np.isfinite(mids[row]):
            rows[ticker].append(row)
    return {ticker: (books.seen_at[index], mids[index]) for ticker, index in rows.items()}


def _moved(fill: Fill, seen_at: Floats, mids: Floats, seconds: float) -> float:
    due = fill.at.timestamp() + seconds
    place = int(np.searchsorted(seen_at, due))
    if place == len(seen_at) or seen_at[place] > due + _LATE:
        return float("nan")
    return float(mids[place] - measured(fill.price)) * 100 * fill.side.sign
