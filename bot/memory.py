"""What a rule remembers of each market between cycles, in bounded room.

Rules in the core are pure: rows in, rows out. This keeps the rows, one per ticker, as a NumPy
structured array; a market not seen for long is forgotten.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Memory:
    """Rows of one structured dtype, by ticker; a ticker never seen reads as `blank`."""

    def __init__(self, blank: NDArray[np.void], capacity: int = 5_000) -> None:
        """`blank` has shape (1,); `capacity` is how many tickers are remembered at most, ≥ 1."""
        if capacity < 1:
            raise ValueError(f"capacity {capacity}: a memory has room for one ticker at least")
        self._kind = blank.dtype
        # NumPy copies nested structures field by field; as plain bytes they go in one piece.
        self._plain = np.dtype((np.void, blank.dtype.itemsize))
        self._blank = blank.view(self._plain)
        self._capacity = capacity
        self._rows = np.repeat(self._blank, 64)
        self._slots: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def recall(self, tickers: Sequence[str]) -> NDArray[np.void]:
        """A copy of the rows of these tickers, shape (len(tickers),)."""
        slots = [self._slots.get(ticker, -1) for ticker in tickers]
        index = np.array(slots, dtype=np.intp)
        rows = self._rows[index]
        rows[index < 0] = self._blank[0]
        return rows.view(self._kind)

    def keep(self, tickers: Sequence[str], rows: NDArray[np.void]) -> None:
        """Remember these rows; tickers are distinct. The longest unseen go if room runs out."""
        slots = [self._slot(ticker) for ticker in tickers]
        plain = np.ascontiguousarray(rows).view(self._plain)
        self._rows[np.array(slots, dtype=np.intp)] = plain

    def _slot(self, ticker: str) -> int:
        # Taken out and put back, the dict stays ordered by when a ticker was last seen.
        slot = self._slots.pop(ticker, None)
        if slot is None:
            slot = self._free_slot()
        self._slots[ticker] = slot
        return slot

    def _free_slot(self) -> int:
        if len(self._slots) >= self._capacity:
            return self._slots.pop(next(iter(self._slots)))
        if len(self._slots) >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.repeat(self._blank, len(self._rows))])
        return len(self._slots)
