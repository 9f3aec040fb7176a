"""Made-up tapes and a scorer that follows the touch: what replays and backtests are tried on."""

from dataclasses import replace
from math import isnan

import numpy as np

from bot.core.market.orderbook import Books
from bot.ports.exchange import ModelOutput
from bot.tape.reader import Tape
from bot.tape.trades import RecordedTrade, TapeTrades

START = 1_790_000_000.0


class SizeScorer:
    """A score that follows the touch: good enough to trade on, the same for the same row."""

    version = "size_v1"
    fault = None
    card = None

    def score(self, features, tickers):
        return np.clip(0.5 + features[:, 0] / 2, 0.01, 0.99)

    def predict(self, features, tickers):
        score = self.score(features, tickers)
        return ModelOutput(score, tuple("unknown" if isnan(s) else None for s in score.tolist()))


def made_up(markets=4, seconds=120, seed=3):
    """A tape of random walks in the middle of the price range, every market every second."""
    rng = np.random.default_rng(seed)
    rows = markets * seconds
    mid = np.clip(500 + rng.integers(-8, 9, (seconds, markets)).cumsum(axis=0), 200, 800)
    mid = mid.reshape(rows, 1)
    steps = np.arange(5) * 10
    books = Books(
        tickers=tuple(f"M{row % markets}" for row in range(rows)),
        seen_at=START + np.repeat(np.arange(float(seconds)), markets),
        bid_price=np.round((mid - 5 - steps) / 1000, 6),
        bid_size=np.round(rng.lognormal(5, 1, (rows, 5)), 2) + 0.01,
        ask_price=np.round((mid + 5 + steps) / 1000, 6),
        ask_size=np.round(rng.lognormal(5, 1, (rows, 5)), 2) + 0.01,
    )
    unknown = np.full(rows, np.nan)
    return Tape(books, np.full(rows, 3600.0), unknown, unknown, np.zeros(rows, np.intp), {})


def uneven(seed=3, markets=5, seconds=240, start=START):
    """The same with gaps, books of one side and none, and markets that close on the way."""
    whole = made_up(markets, seconds, seed)
    rng = np.random.default_rng(seed)
    keep = np.sort(rng.choice(len(whole.books), int(len(whole.books) * 0.8), replace=False))
    books = whole.books.take(keep)
    bid_price, bid_size = books.bid_price.copy(), books.bid_size.copy()
    ask_price, ask_size = books.ask_price.copy(), books.ask_size.copy()
    no_bids, no_asks = rng.random((2, len(books))) < 0.08
    bid_price[no_bids], bid_size[no_bids] = np.nan, 0.0
    ask_price[no_asks], ask_size[no_asks] = np.nan, 0.0
    seen_at = books.seen_at - START + start
    closes = {f"M{n}": start + seconds * (0.4 + 0.3 * n) for n in range(markets)}
    left = np.array([closes[t] for t in books.tickers]) - seen_at
    odd = Books(books.tickers, seen_at, bid_price, bid_size, ask_price, ask_size)
    unknown = np.full(len(odd), np.nan)
    return Tape(odd, left, unknown, unknown, np.zeros(len(odd), np.intp), {})


def traded(tape, seed=5, share=0.5):
    """The same with trades at the best prices of some of its books, just before those were seen."""
    rng, books = np.random.default_rng(seed), tape.books
    rows = np.flatnonzero(np.isfinite(books.mid) & (rng.random(len(books)) < share))
    buys = rng.random(len(rows)) < 0.5
    price = np.where(buys, books.best_ask[rows], books.best_bid[rows])
    at = books.seen_at[rows] - rng.random(len(rows)) / 2
    size = np.round(rng.lognormal(5, 1, len(rows)), 2) + 0.01
    found = [
        RecordedTrade(books.tickers[row], *rest)
        for row, *rest in sorted(
            zip(rows.tolist(), at, size, price, buys, strict=True), key=lambda one: one[1]
        )
    ]
    trades = TapeTrades.of(found, set(books.tickers), [float(books.seen_at[0])])
    return replace(tape, trades=trades)
