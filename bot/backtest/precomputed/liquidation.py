"""What closing a position would fetch on many books at once, as measurements.

The same rule as `core.account.valuation`, in floats: for bounds and curves, never for accounts.
"""

import numpy as np

from bot.core.market.orderbook import Books, Floats
from bot.tape.reader import Rows


def liquidation_values(books: Books, rows: Rows, size: float) -> Floats:
    """Dollars for closing `size` contracts (signed) on each of these rows; NaN without a level.

    The depth shown is walked from the best price; what is larger counts at the last price shown.
    """
    price, shown = (
        (books.bid_price, books.bid_size) if size > 0 else (books.ask_price, books.ask_size)
    )
    worth = price[rows] if size > 0 else 1.0 - price[rows]
    depth = np.where(np.isnan(worth), 0.0, shown[rows])
    before = np.cumsum(depth, axis=1) - depth
    taken = np.clip(abs(size) - before, 0.0, depth)
    left = abs(size) - taken.sum(axis=1)
    last = np.maximum((depth > 0).sum(axis=1) - 1, 0)
    rest = left * worth[np.arange(len(rows)), last]
    fetched: Floats = np.nansum(taken * worth, axis=1) + rest
    return fetched
