"""Several observers of the cycle as one; a fault in one does not reach the others."""

from collections.abc import Mapping, Sequence

from bot.core.events import Event
from bot.engine.ports import CycleObserver
from bot.ports.cycle_result import CycleResult
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Predictions


class Observers:
    """Calls each observer in order; the names are for error messages."""

    def __init__(self, faults: ViewFaults, audiences: Mapping[str, CycleObserver]) -> None:
        self._faults = faults
        self._audiences = tuple(audiences.items())

    def on_events(self, events: Sequence[Event]) -> None:
        for name, audience in self._audiences:
            with self._faults.within(name):
                audience.on_events(events)

    def on_predictions(self, predictions: Predictions) -> None:
        for name, audience in self._audiences:
            with self._faults.within(name):
                audience.on_predictions(predictions)

    async def on_cycle_end(self, result: CycleResult) -> None:
        for name, audience in self._audiences:
            with self._faults.within(name):
                await audience.on_cycle_end(result)
