"""What we hold against what the exchange says we hold, for people: the last comparison.

A standby shows what the leader found. Leaves out the comparing (`trading.reconciliation`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import structs

from bot.core.account.foreign import together
from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import AccountNow, comparable, differences
from bot.core.market.money import ZERO, measured
from bot.ports.account_views import AuditRow, AuditView, OperatorEntry
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord

_ON_PAPER: Final = "paper: there is no account at the exchange to compare with"
_NOT_YET: Final = "the account at the exchange has not been read yet"


#: Operator actions that are shown, the newest.
OPERATOR_ENTRIES: Final = 50


class AuditPanel:
    """Keeps the last comparison."""

    def __init__(self, *, is_live: bool) -> None:
        self._codec = RecordCodec("audit view", AuditView)
        self._view = self._committed = AuditView(reason=_NOT_YET if is_live else _ON_PAPER)

    @property
    def view(self) -> AuditView:
        """What is shown."""
        return self._view

    def compared(
        self,
        at: datetime,
        portfolio: Portfolio,
        account: AccountNow,
        block_reason: str | None,
        foreign: Portfolio | None = None,
    ) -> None:
        """Show this comparison; `block_reason` is why entries are blocked now."""
        theirs = foreign or Portfolio.of_cash(ZERO)
        expected = together(portfolio, theirs)
        rows = _rows(portfolio, theirs, account)
        tickers = comparable(expected, account)
        held = account.positions
        same = all(expected.size(ticker) == held.get(ticker, ZERO) for ticker in tickers)
        self._view = structs.replace(
            self._view,
            compared_at=at.isoformat(),
            agrees=None if same and account.unreadable else same,
            positions=tuple(rows),
            cash_booked=measured(expected.cash),
            cash_exchange=measured(account.cash),
            differences=(
                *account.unreadable.sentences(),
                *differences(expected, account),
            ),
            entries_stopped=block_reason,
            reason=None,
        )

    def explained(self, found: Sequence[str]) -> None:
        """What explains the differences, in words; nothing where there are none, or not yet."""
        self._view = structs.replace(self._view, explanations=tuple(found))

    def adoption_waits(self, why: str | None) -> None:
        """Why the account is not yet adopted though an operator asked; None if nobody did."""
        self._view = structs.replace(self._view, adoption_waits=why)

    def operator_did(self, entry: OperatorEntry) -> None:
        """What an operator asked for is done, or not, as the message says."""
        entries = (entry, *self._view.operator)[:OPERATOR_ENTRIES]
        self._view = structs.replace(self._view, operator=entries)

    def state_records(self) -> list[StateRecord]:
        """The comparison, if it is another than the last that was handed out."""
        if self._view == self._committed:
            return []
        self._committed = self._view
        return [self._codec.state_record("", self._view)]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the last comparison."""
        self._view = self._committed = self._codec.read(checkpoint).get("") or self._view

    def catch_up(self, news: CommittedChanges) -> None:
        """Show what the leader found."""
        self._view = self._committed = self._codec.read(news).get("") or self._view


def _rows(ours: Portfolio, foreign: Portfolio, account: AccountNow) -> list[AuditRow]:
    tickers = {*comparable(ours, account), *comparable(foreign, account)}
    return [
        AuditRow(
            ticker=ticker,
            booked=measured(ours.size(ticker)),
            foreign=measured(foreign.size(ticker)),
            exchange=measured(account.positions.get(ticker, ZERO)),
        )
        for ticker in sorted(tickers)
    ]
