"""What a standby shows: the leader's account, loaded once and kept up commit by commit."""

from collections.abc import Callable

from bot.cluster.ports import LeaseStore, Standby
from bot.ports.persistence import LeaseState


class LeaderFollower:
    """Follows whoever leads; `own_book` is the account meant where none was led yet."""

    def __init__(self, own_book: str) -> None:
        self._own_book = own_book
        self._followed: tuple[Standby, LeaseState, int] | None = None

    @property
    def book(self) -> str | None:
        """The account that is followed; None while none is."""
        return (self._followed[1].book or self._own_book) if self._followed else None

    @property
    def is_running(self) -> bool:
        """Whether the leader's loop runs, as far as is known."""
        return self._followed is not None and self._followed[0].is_running

    def stop(self) -> None:
        """Follow nobody."""
        self._followed = None

    async def begin(
        self, election: LeaseStore, leader: LeaseState, standby: Callable[[], Standby]
    ) -> bool:
        """Load the account that is led, unless it is followed already. May raise StoreError."""
        if self._followed is not None and self._followed[1].book == leader.book:
            return False
        opened = standby()
        checkpoint = await election.seen(leader.book or self._own_book)
        opened.begin(checkpoint)
        self._followed = opened, leader, checkpoint.commit
        return True

    async def apply(self, election: LeaseStore, leader: LeaseState) -> None:
        """Apply what was committed since. May raise StoreError."""
        if self._followed is None:
            raise RuntimeError("nobody is followed")
        standby, _, commit = self._followed
        news = await election.news(leader.book or self._own_book, commit)
        standby.apply(news)
        self._followed = standby, leader, news.commit
