"""One journal, several who hear of what is written there."""

from bot.core.events import CycleStarted
from bot.engine.journals import Journals
from tests.support.fakes import ListJournal
from tests.support.strategies import NOON

STARTED = [CycleStarted(NOON, number) for number in range(3)]


class Ear:
    def __init__(self, journal):
        self.heard = []
        self._journal = journal

    def on_events(self, events):
        assert self._journal.events[-len(events) :] == events, "it was written down before"
        self.heard.append(list(events))


def test_each_teller_hears_of_all_that_is_written_in_order_and_afterwards():
    journal = ListJournal()
    journals = Journals(journal)
    ears = [Ear(journal), Ear(journal)]
    journals.subscribe(*ears)

    journals.record(STARTED[:2])
    journals.record(STARTED[2:])

    assert journal.events == STARTED
    assert [ear.heard for ear in ears] == [[STARTED[:2], STARTED[2:]]] * 2


def test_without_listeners_it_is_the_journal():
    journal = ListJournal(fault="the disk is full")
    journals = Journals(journal)

    journals.record(STARTED)
    journals.flush()

    assert (journal.events, journal.flushes) == (STARTED, 1)
    assert journals.fault == "the disk is full"


def test_a_fault_is_that_of_now():
    journal = ListJournal()
    journals = Journals(journal)
    assert journals.fault is None

    journal.fault = "the disk is full"

    assert journals.fault == "the disk is full"
