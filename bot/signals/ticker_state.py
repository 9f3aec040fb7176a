"""What a rule remembers of each market between cycles, in bounded room.

Rules in the core are pure: rows in, rows out. This keeps the rows, one per ticker, as a NumPy
structured array; a market not seen for long is evicted. A state record is a row's plain bytes,
behind a fingerprint of the layout and a number that orders tickers by last sight.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.ports.checkpoint_codec import mark, warn
from bot.ports.persistence import StateRecord

_MARK_BYTES: Final = 8
#: The sight number of an unused row.
_NEVER: Final = -1


class TickerState:
    """Rows of one structured dtype, by ticker; a ticker never seen reads as `blank`."""

    def __init__(self, blank: NDArray[np.void], capacity: int = 5_000) -> None:
        """`blank` has shape (1,); `capacity` is how many tickers are remembered at most, ≥ 1."""
        if capacity < 1:
            raise ValueError(f"capacity {capacity}: a memory has room for one ticker at least")
        self._kind = blank.dtype
        # NumPy copies nested structures field by field; as plain bytes they go in one piece.
        self._plain = np.dtype((np.void, blank.dtype.itemsize))
        self._capacity = capacity
        self._mark = mark(repr(blank.dtype.descr), _MARK_BYTES)
        # A row lies here as its state record has it: written in one piece, without copying.
        body = [("mark", f"V{_MARK_BYTES}"), ("sight", "<i8"), ("row", self._plain)]
        self._blank = np.zeros(1, dtype=body)
        self._blank["mark"] = np.void(self._mark)
        self._blank["sight"] = _NEVER
        self._blank["row"] = blank.view(self._plain)
        self._rows = np.repeat(self._blank, 64)
        self._slots: dict[str, int] = {}
        self._gone: dict[str, None] = {}
        self._sights = 0
        self._persisted_sights = 0

    def __len__(self) -> int:
        return len(self._slots)

    def recall(self, tickers: Sequence[str]) -> NDArray[np.void]:
        """A copy of the rows of these tickers, shape (len(tickers),)."""
        slots = [self._slots.get(ticker, -1) for ticker in tickers]
        index = np.array(slots, dtype=np.intp)
        rows = self._rows["row"][index]
        rows[index < 0] = self._blank["row"][0]
        return rows.view(self._kind)

    def store(self, tickers: Sequence[str], rows: NDArray[np.void]) -> None:
        """Remember these rows; tickers are distinct. The longest unseen go if room runs out."""
        index = self._places(tickers)
        self._rows["row"][index] = np.ascontiguousarray(rows).view(self._plain)
        self._rows["sight"][index] = np.arange(self._sights, self._sights + len(index))
        self._sights += len(index)

    def state_records(self, kind: str) -> list[StateRecord]:
        """The rows stored since the last call, and the tickers evicted."""
        state_records = [
            StateRecord(kind, one, None) for one in self._gone if one not in self._slots
        ]
        raw, size = self._rows.view(np.uint8).data, self._rows.itemsize
        count = int((self._rows["sight"] >= self._persisted_sights).sum())
        # Slots are in the order of sight, so those of late are the last ones.
        state_records += [
            StateRecord(kind, ticker, bytes(raw[slot * size : (slot + 1) * size]))
            for ticker, slot in islice(reversed(self._slots.items()), count)
        ]
        self._gone.clear()
        self._persisted_sights = self._sights
        return state_records

    def restore(self, kind: str, bodies: Mapping[str, bytes]) -> None:
        """Restore the rows of these state records; those of another layout are discarded."""
        self._rows["sight"] = _NEVER
        self._slots.clear()
        self._gone = {ticker: None for ticker, body in bodies.items() if not self._is_sound(body)}
        warn(kind, len(self._gone))
        sound = [ticker for ticker in bodies if ticker not in self._gone]
        rows = np.frombuffer(b"".join(bodies[one] for one in sound), dtype=self._rows.dtype)
        order = np.argsort(rows["sight"], kind="stable")
        self._rows[self._places([sound[place] for place in order])] = rows[order]
        self._sights = self._persisted_sights = int(rows["sight"].max(initial=-1)) + 1

    def _is_sound(self, body: bytes) -> bool:
        return len(body) == self._rows.itemsize and body.startswith(self._mark)

    def _places(self, tickers: Sequence[str]) -> NDArray[np.intp]:
        return np.array([self._slot(ticker) for ticker in tickers], dtype=np.intp)

    def _slot(self, ticker: str) -> int:
        # Taken out and put back, the dict stays ordered by when a ticker was last seen.
        slot = self._slots.pop(ticker, None)
        if slot is None:
            slot = self._free_slot()
        self._slots[ticker] = slot
        return slot

    def _free_slot(self) -> int:
        if len(self._slots) >= self._capacity:
            oldest = next(iter(self._slots))
            self._gone[oldest] = None
            return self._slots.pop(oldest)
        if len(self._slots) >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.repeat(self._blank, len(self._rows))])
        return len(self._slots)
