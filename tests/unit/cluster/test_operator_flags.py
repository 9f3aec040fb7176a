"""What operators want: it holds at once, is written down when that is possible, and stays."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bot.cluster.operator_flags import KILLED, RUNNING, OperatorFlags
from bot.core.risk.close_requests import CloseRequests
from bot.ports.persistence import StoreError
from tests.support.elections import FakeElection, Shared
from tests.support.fakes import HandClock

BOOK = "paper:test"


class Election(FakeElection):
    """Lets a test act in the middle of a call: `meanwhile` is awaited before the answer."""

    def __init__(self, shared):
        super().__init__(shared)
        self.meanwhile = None

    async def switches(self, book):
        found = await super().switches(book)
        if (wait := self.meanwhile) is not None:
            self.meanwhile = None
            await wait()
        return found


@dataclass
class Room:
    """Two processes over one database."""

    shared: Shared = field(default_factory=Shared)
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self):
        self.election = Election(self.shared)
        self.mine, self.theirs = (self.switches() for _ in range(2))

    def switches(self, starts=True):
        made = OperatorFlags(starts, self.clock)
        made.look_at(BOOK)
        return made

    async def sync(self, switches):
        await switches.sync(self.election)


@pytest.fixture
def room():
    return Room()


def test_before_the_database_answered_nothing_runs_and_nothing_is_entered(room):
    assert not room.mine.runs
    assert "flags are unknown" in room.mine.killed
    assert room.mine.resumed is None


@pytest.mark.parametrize("starts", [True, False])
async def test_if_nobody_said_otherwise_the_settings_decide(room, starts):
    switches = room.switches(starts)
    await room.sync(switches)

    assert (switches.runs, switches.killed, switches.resumed) == (starts, None, None)


@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize(("value", "runs"), [("on", True), ("off", False)])
async def test_what_somebody_said_beats_the_settings(room, starts, value, runs):
    room.theirs.set(RUNNING, value)
    await room.sync(room.theirs)
    switches = room.switches(starts)
    await room.sync(switches)

    assert switches.runs is runs


def test_what_is_set_holds_at_once(room):
    room.mine.set(RUNNING, "on")
    room.mine.set(KILLED, "odd prices")

    assert (room.mine.runs, room.mine.killed) == (True, "odd prices")


async def test_what_one_process_sets_the_other_reads(room):
    room.mine.set(KILLED, "odd prices")
    await room.sync(room.mine)
    await room.sync(room.theirs)
    assert room.theirs.killed == "odd prices"

    room.theirs.resume()
    assert room.theirs.killed is None
    await room.sync(room.theirs)
    await room.sync(room.mine)

    assert room.mine.killed is None
    assert room.mine.resumed == room.clock.now()


async def test_what_could_not_be_written_down_holds_and_is_written_later(room):
    await room.sync(room.mine)
    room.shared.fails = StoreError("away")
    room.mine.set(KILLED, "odd prices")
    with pytest.raises(StoreError):
        await room.sync(room.mine)
    assert room.mine.killed == "odd prices"
    room.shared.fails = None

    await room.sync(room.mine)

    assert room.shared.wanted == {KILLED: "odd prices"}


async def test_what_is_set_while_the_database_answers_is_not_lost(room):
    async def kill():
        room.mine.set(KILLED, "odd prices")

    room.election.meanwhile = kill
    await room.sync(room.mine)
    assert room.mine.killed == "odd prices"

    await room.sync(room.mine)

    assert room.shared.wanted == {KILLED: "odd prices"}


async def test_an_answer_that_comes_late_does_not_undo_what_was_set_meanwhile(room):
    asked, answer = asyncio.Event(), asyncio.Event()

    async def late():
        asked.set()
        await answer.wait()

    await room.sync(room.mine)
    room.election.meanwhile = late
    async with asyncio.TaskGroup() as group:
        group.create_task(room.sync(room.mine))
        await asked.wait()
        room.mine.set(KILLED, "odd prices")
        group.create_task(room.sync(room.mine))
        await asyncio.sleep(0)
        answer.set()

    assert room.mine.killed == "odd prices"
    assert room.shared.wanted == {KILLED: "odd prices"}


async def test_what_others_set_later_is_not_overwritten(room):
    async def start():
        room.shared.wanted[RUNNING] = "on"

    room.mine.set(RUNNING, "off")
    written = room.election.switch

    async def switch(*said):
        await written(*said)
        await start()

    room.election.switch = switch
    await room.sync(room.mine)
    room.election.switch = written
    assert room.mine.runs

    await room.sync(room.mine)

    assert room.shared.wanted == {RUNNING: "on"}


async def test_of_another_book_nothing_is_known_until_it_is_read(room):
    await room.sync(room.mine)
    assert room.mine.runs

    room.mine.look_at("live:test")

    assert not room.mine.runs
    assert room.mine.killed


async def test_a_wish_that_comes_late_does_not_undo_what_was_wanted_since(room):
    room.shared.fails = StoreError("cut off")
    room.theirs.resume()
    with pytest.raises(StoreError):
        await room.sync(room.theirs)
    room.shared.fails = None
    room.clock.pass_by(60)
    room.mine.set(KILLED, "a second incident")
    await room.sync(room.mine)

    await room.sync(room.theirs)

    assert room.shared.wanted[KILLED] == "a second incident"
    assert room.theirs.killed == "a second incident"


async def test_a_wish_goes_to_the_book_it_was_meant_for(room):
    reported = []

    async def switch(*said):
        reported.append(said)

    room.election.switch = switch
    room.mine.set(KILLED, "odd prices")
    room.mine.look_at("live:test")

    await room.sync(room.mine)

    assert reported == [(BOOK, KILLED, "odd prices", room.clock.now())]
    assert room.mine.killed is None


def test_what_is_wanted_of_no_book_is_not_wanted(room):
    switches = OperatorFlags(True, room.clock)

    switches.set(KILLED, "odd prices")
    switches.look_at(BOOK)

    assert "flags are unknown" in str(switches.killed)


async def test_what_is_withdrawn_does_not_come_true_later(room):
    room.mine.set(RUNNING, "off")
    room.mine.withdraw()

    await room.sync(room.mine)

    assert room.shared.wanted == {}


async def test_an_answer_about_the_book_before_says_nothing_of_this_one(room):
    async def move_on():
        room.mine.look_at("paper:another")

    room.election.meanwhile = move_on
    await room.sync(room.mine)

    assert not room.mine.runs
    assert room.mine.killed


async def test_before_a_book_is_looked_at_nothing_is_asked(room):
    switches = OperatorFlags(True, room.clock)
    room.shared.fails = StoreError("away")

    await room.sync(switches)

    assert not switches.runs


# Out by hand


async def test_what_is_to_be_closed_is_known_everywhere_until_it_is_done(room):
    room.mine.close("KXA")
    room.mine.flatten("flattened by hand")
    asked = room.mine.close_requests
    assert asked == CloseRequests({"KXA": room.clock.now()}, room.clock.now())
    await room.sync(room.mine)
    await room.sync(room.theirs)
    assert (room.theirs.close_requests, room.theirs.killed) == (asked, "flattened by hand")

    room.theirs.closed(asked)
    await room.sync(room.theirs)
    await room.sync(room.mine)

    assert not room.mine.close_requests
    assert room.mine.killed == "flattened by hand"


def test_flattening_keeps_the_reason_of_an_earlier_kill(room):
    room.mine.set(KILLED, "odd prices")
    room.mine.flatten("flattened by hand")

    assert room.mine.killed == "odd prices"


def test_who_asks_again_is_not_answered_with_what_was_done_before(room):
    room.mine.close("KXA")
    first = room.mine.close_requests
    room.clock.pass_by(1)
    room.mine.close("KXA")

    room.mine.closed(first)

    assert room.mine.close_requests.markets == {"KXA": room.clock.now()}


def test_resuming_ends_a_flatten_and_leaves_single_requests(room):
    room.mine.close("KXA")
    room.mine.flatten("flattened by hand")

    room.mine.resume()

    assert room.mine.close_requests == CloseRequests({"KXA": room.clock.now()})


def test_a_request_that_cannot_be_read_is_none(room):
    room.mine.set("close:KXA", "yesterday")

    assert not room.mine.close_requests
