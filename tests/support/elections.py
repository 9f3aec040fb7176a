"""An election without a database."""

from bot.core.account.portfolio import Portfolio
from bot.core.market.money import ZERO
from bot.ports.persistence import (
    Checkpoint,
    CommittedChanges,
    LeaseLostError,
    LeaseState,
    Term,
)

BOOK = "paper:test"


class Shared:
    """A database in memory, shared by the elections of several processes; `now` is its clock."""

    def __init__(self):
        self.now = 0.0
        self.epoch = 0
        self.holder = None
        self.until = 0.0
        self.wanted = {}
        self.wanted_at = {}
        self.fails = None
        self.published = None
        self.commit = 0
        self.on_answer = lambda what: None


class FakeElection:
    def __init__(self, shared):
        self.shared = shared

    def _answer(self):
        if self.shared.fails:
            raise self.shared.fails

    async def take(self, holder, seconds, book):
        self._answer()
        if self.shared.holder is not None and self.shared.now < self.shared.until:
            return None
        self.shared.epoch += 1
        self.shared.holder, self.shared.until = holder, self.shared.now + seconds
        self.shared.on_answer("take")
        return Term(holder, self.shared.epoch)

    async def renew(self, term, seconds):
        self._answer()
        if (self.shared.holder, self.shared.epoch) != (term.holder, term.epoch):
            raise LeaseLostError("another leads")
        self.shared.until = self.shared.now + seconds
        self.shared.on_answer("renew")

    async def release(self, term):
        self._answer()
        if (self.shared.holder, self.shared.epoch) == (term.holder, term.epoch):
            self.shared.holder = None

    async def leader(self):
        self._answer()
        return LeaseState(self.shared.holder, self.shared.epoch, BOOK)

    async def seen(self, book):
        return Checkpoint(
            self.shared.commit, Portfolio.of_cash(ZERO), published=self.shared.published
        )

    async def news(self, book, after):
        return CommittedChanges(self.shared.commit, published=self.shared.published)

    async def switch(self, book, name, value, at):
        self._answer()
        if at >= self.shared.wanted_at.get(name, at):
            self.shared.wanted[name], self.shared.wanted_at[name] = value, at

    async def switches(self, book):
        self._answer()
        return dict(self.shared.wanted)
