"""The state and the panels beside it: shown together, once committed."""

from typing import Protocol

from bot.dashboard.publisher import Publisher


class Panel(Protocol):
    """Has a view of the last pass to be shown once that is committed."""

    def show(self) -> None:
        """Show it."""
        ...


class CommittedView:
    """Shows what the publisher made, and what these made of the same pass."""

    def __init__(self, publisher: Publisher, *panels: Panel) -> None:
        self._publisher = publisher
        self._panels = panels

    def prepared(self) -> bytes | None:
        """The state that will be shown next, as JSON; None if there is none."""
        return self._publisher.prepared()

    def shown(self) -> bytes:
        """The state that is shown now, as JSON."""
        return self._publisher.shown()

    def show(self) -> None:
        """Show all of it."""
        self._publisher.show()
        for panel in self._panels:
            panel.show()

    def show_role(self) -> None:
        """Show nothing new but the status of this process."""
        self._publisher.show_role()
