"""Hints that something happened to the account: they wake who asks about it, and say no more.

What a stream tells of fills and positions is never booked: it may come twice, late, or not at all.
"""

import asyncio


class AccountHints:
    """What was hinted at and not acted upon yet."""

    def __init__(self) -> None:
        #: Set by each hint; who waits for it clears it.
        self.orders = asyncio.Event()
        self._is_new = False
        self.count = 0

    def note(self) -> None:
        """Something happened to the account, or may have."""
        self.count += 1
        self._is_new = True
        self.orders.set()

    def take(self) -> bool:
        """Whether there was a hint since the last call."""
        is_new, self._is_new = self._is_new, False
        return is_new
