"""The account panel behind a cycle."""

from bot.app.term.committed_view import CommittedView
from bot.dashboard.account_panel import AccountPanel
from bot.engine.observers import Observers
from bot.engine.unit_of_work import PassState
from bot.ports.view_faults import ViewFaults
from tests.support.published import Shown


class Paneled(Shown):
    """The publisher's bench with the panel of the account beside it."""

    def __init__(self, *tickers, **options):
        super().__init__(*tickers, **options)
        self.panel = AccountPanel(self.trader)
        self.cycle._audience = Observers(
            ViewFaults(), {"state": self.publisher, "account": self.panel}
        )
        self.commit_with(PassState(CommittedView(self.publisher, self.panel)))

    @property
    def position(self):
        (found,) = self.panel.view.positions
        return found
