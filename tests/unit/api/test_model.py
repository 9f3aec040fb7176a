"""`/model` and `/model/performance`: honest without a model, complete with one."""

from decimal import Decimal

from bot.core.events import FillMarkedOut
from bot.core.model.fill_markouts import FillKind
from bot.core.signals.strategy import Thresholds
from bot.model.monitor import ModelMonitor
from bot.model.prediction_grader import GradeRules, PredictionGrader
from bot.ports.persistence import CommittedChanges
from tests.support.api_world import opened
from tests.support.grading import GraderRoom, book, spread
from tests.support.strategies import NOON


async def test_without_a_model_the_card_is_null_and_there_is_no_record(client):
    found = (await client.get("/model")).json()
    record = (await client.get("/model/performance")).json()

    assert found["card"] is None
    assert found["drift"] == {}
    assert record["groups"]["ALL"]["graded"] == 0
    assert record["fills"] == []
    assert record["groups"]["ALL"]["hit_rate"] is None


async def test_the_card_is_served_as_it_is_written(world):
    card = {"name": "x", "label": {"horizon_seconds": 10}}
    world.model = ModelMonitor(
        card, spread(0.0), PredictionGrader(GradeRules(10.0, 1.0, 5.0, Thresholds()))
    )

    async with opened(world.app()) as client:
        found = (await client.get("/model")).json()

    assert found["card"] == card
    assert found["drift"]["imb1"] == {"index": None, "verdict": "unknown", "rows": 0}


async def test_the_record_says_what_became_of_each_prediction(world):
    room = GraderRoom()
    room.see(0, A=book("0.50", "0.52"))
    room.see(11, A=book("0.54", "0.56"))
    world.model = ModelMonitor(None, {}, room.grader)

    async with opened(world.app()) as client:
        record = (await client.get("/model/performance")).json()

    assert record["horizon_seconds"] == 10.0
    assert record["groups"]["KXS"]["graded"] == 1
    assert record["groups"]["ALL"]["hit_rate"] == {"value": 1.0, "interval": None, "rows": 1}
    assert record["groups"]["ALL"]["bins"] == [{"rows": 1, "score": 0.8, "up": 1.0}]


async def test_the_record_names_what_the_general_model_scores(world):
    room = GraderRoom()
    room.see(0, A=book("0.50", "0.52"))
    room.see(11, A=book("0.54", "0.56"))
    known: dict[str, dict[str, object]] = {
        "trained on it": {"training": {"kinds": {"KXS": {}}}},
        "trained on others": {"training": {"kinds": {"index range": {}}}},
        "of an older version": {"name": "x"},
    }
    found = {}
    for name, card in known.items():
        world.model = ModelMonitor(card, {}, room.grader)
        async with opened(world.app()) as client:
            found[name] = (await client.get("/model/performance")).json()["general"]

    assert found == {"trained on it": [], "trained on others": ["KXS"], "of an older version": None}


async def test_the_record_says_what_fills_were_worth(world):
    at = NOON
    event = FillMarkedOut(
        at, "f", "A", "Crypto", FillKind.EXIT_RESTED, Decimal(10), at, (1.0, None, 2.0, 3.0)
    )
    world.model.fills.catch_up(CommittedChanges(1, (event,)))

    async with opened(world.app()) as client:
        (found,) = (await client.get("/model/performance")).json()["fills"]

    assert (found["category"], found["kind"]) == ("Crypto", "exit_rested")
    assert (found["fills"], found["contracts"]) == (1, 10.0)
    assert found["after"]["1"] == {"value": 1.0, "interval": None, "rows": 1}
    assert found["after"]["5"] is None
