"""What each module may do, checked on its source; which may import which is import-linter's part.

`problems` judges one module from its name and source; the samples at the end prove that each
rule bites.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.project.naming import doubles, names_are_words_of_the_field

ROOT = Path(__file__).parents[2]

OURS = ("bot", "api", "main", "logging_utils")
#: What the core may not do: see, hear or wait for the world, or be surprised by it.
IMPURE = {
    *("asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading"),
    *("http", "socket", "ssl", "urllib", "logging", "importlib", "time"),
    *("io", "os", "pathlib", "shutil", "sqlite3", "sys", "tempfile"),
    *("random", "secrets", "uuid"),
}
PURE_LIBRARIES = (sys.stdlib_module_names - IMPURE) | {"numpy"}

#: They wait until something is due, by the clock that waiting itself goes by.
PACERS = {"bot.engine.loop", "bot.tape.recording"}
#: A mistake ends one pass and not the bot; one in a view ends that view and not the accounting.
SURVIVORS = {
    "bot.engine.loop",
    "bot.ports.view_faults",
    "bot.kalshi.feed",
    # What fails in a turn is raised, once the orders beside it came to their end.
    "bot.trading.side_by_side",
}

#: Lines of a function, its signature and docstring included.
LONGEST_FUNCTION = 40

#: Lines of a short function, counted likewise, and the share that must be short.
SHORT_FUNCTION = 10
SHORT_SHARE = 0.8

Rule = Callable[[str, ast.Module], Iterator[str]]


def problems(module: str, source: str) -> list[str]:
    """What is wrong with a module of ours, in sentences."""
    tree = ast.parse(source)
    return list(chain.from_iterable(rule(module, tree) for rule in RULES))


def the_core_is_pure(module: str, tree: ast.Module) -> Iterator[str]:
    """The core knows itself, numpy, and what of the standard library touches nothing."""
    if not _in(module, "bot.core"):
        return
    for name in _imported(tree):
        root = name.split(".")[0]
        if root not in OURS and root not in PURE_LIBRARIES:
            yield f"{module} is pure and may not import {root}"
    for call in _calls(tree):
        if _name(call.func) in {"open", "input", "print", "exec", "eval", "__import__"}:
            yield f"{module} is pure and may not call {_name(call.func)}"


def only_the_clock_tells_time(module: str, tree: ast.Module) -> Iterator[str]:
    """Everybody else is told what time it is."""
    if module == "bot.clock":
        return
    if "time" in {name.split(".")[0] for name in _imported(tree)}:
        yield f"{module} may not import time: ask a Clock, or bot.clock.stopwatch"
    kinds = {"datetime", "date", *_aliases(tree, "datetime")}
    for call in _calls(tree):
        whose, what = _owner(call.func), _name(call.func)
        if what in {"now", "utcnow", "today"} and whose in kinds:
            yield f"{module} may not call {whose}.{what}: ask a Clock"
        of_loop = what == "time" and whose in {"loop", "get_running_loop", "get_event_loop"}
        if of_loop and module not in PACERS:
            yield f"{module} may not read the loop's time: ask a Clock"


def only_settings_read_the_environment(module: str, tree: ast.Module) -> Iterator[str]:
    """Everybody else is given settings."""
    names = {"environ", "environb", "getenv", "putenv"}
    if module == "bot.config.loading":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield f"{module} may not touch os.{node.attr}: ask Settings"
    for name in _imported(tree):
        if name.removeprefix("os.") in names:
            yield f"{module} may not import {name}: ask Settings"


def the_bot_cannot_read_the_truth(module: str, tree: ast.Module) -> Iterator[str]:
    """What simulated participants really did is for the simulator and for those who judge."""
    if module.startswith(("bot.sim", "bot.research")):
        return
    if any(name.startswith("bot.sim.world.truth") for name in _imported(tree)):
        yield f"{module} may not know what the participants really did"


def only_risk_approves(module: str, tree: ast.Module) -> Iterator[str]:
    """An `Approved` comes from `review`, and the seal stays where it is."""
    if module == "bot.core.risk.review":
        return
    if any(_name(call.func) == "Approved" for call in _calls(tree)):
        yield f"{module} may not make an Approved: ask risk.review"
    names = {name.split(".")[-1] for name in _imported(tree)}
    if "_SEAL" in names | {_name(node) for node in ast.walk(tree)}:
        yield f"{module} may not touch the seal of risk"


def only_money_turns_floats_into_decimals(module: str, tree: ast.Module) -> Iterator[str]:
    """In the core, every other Decimal is written out or computed from Decimals."""
    if not _in(module, "bot.core") or module == "bot.core.market.money":
        return
    for call in _calls(tree):
        written = all(isinstance(argument, ast.Constant) for argument in call.args)
        floating = any(
            isinstance(argument, ast.Constant) and isinstance(argument.value, float)
            for argument in call.args
        )
        if _name(call.func) == "Decimal" and (floating or not written):
            yield f"{module} may not make a Decimal of a value: that is what bot.core.money does"


def only_the_runner_starts_loose_tasks(module: str, tree: ast.Module) -> Iterator[str]:
    """All other tasks live in a TaskGroup."""
    if module == "bot.engine.loop":
        return
    for call in _calls(tree):
        loose = _owner(call.func) in {"asyncio", "loop", "get_running_loop", None}
        if _name(call.func) in {"create_task", "ensure_future"} and loose:
            yield f"{module} may not start a task outside a TaskGroup"


def only_survivors_catch_everything(module: str, tree: ast.Module) -> Iterator[str]:
    """Our own mistakes reach the runner, those of a view its fault; none eats a cancellation."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {_name(part) for part in ast.walk(node.type)} if node.type else {"BaseException"}
        if module not in SURVIVORS and caught & {"Exception", "BaseException"}:
            yield f"{module} may not catch every exception"


def pydantic_stays_at_the_edges(module: str, tree: ast.Module) -> Iterator[str]:
    """Settings and parameters of routes; answers are structs, everything inside a dataclass."""
    if _in(module, "bot.config") or (_in(module, "api") and not _in(module, "api.schemas")):
        return
    if any(name.startswith("pydantic") for name in _imported(tree)):
        yield f"{module} may not import pydantic: make a frozen dataclass"


def functions_are_short(module: str, tree: ast.Module) -> Iterator[str]:
    """A function has at most 40 lines."""
    if ".versions." in module:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{module}:{node.lineno} {node.name} has {lines} lines"


RULES: tuple[Rule, ...] = (
    the_core_is_pure,
    only_the_clock_tells_time,
    only_settings_read_the_environment,
    the_bot_cannot_read_the_truth,
    only_risk_approves,
    only_money_turns_floats_into_decimals,
    only_the_runner_starts_loose_tasks,
    only_survivors_catch_everything,
    pydantic_stays_at_the_edges,
    names_are_words_of_the_field,
    functions_are_short,
)


def _in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _imported(tree: ast.Module) -> set[str]:
    """Full names of all that is imported anywhere in a module; `from a import b` is `a.b`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _aliases(tree: ast.Module, module: str) -> set[str]:
    """The names under which a module's parts are known here."""
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {
        alias.asname or alias.name
        for node in froms
        if node.module == module
        for alias in node.names
    }


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(node: ast.AST | None) -> str | None:
    """The last word of `a.b.c` or of a name, also of one that is called."""
    match node:
        case ast.Call():
            return _name(node.func)
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
        case _:
            return None


def _owner(node: ast.AST) -> str | None:
    """The word before the last: `b` of `a.b.c`; None where there is none."""
    return _name(node.value) if isinstance(node, ast.Attribute) else None


def _sources() -> list[tuple[str, Path]]:
    files = [path for name in ("bot", "api") for path in sorted((ROOT / name).rglob("*.py"))]
    files += [path for path in (ROOT / "main.py", ROOT / "logging_utils.py") if path.is_file()]
    return [(_module(path), path) for path in files if _module(path) != "bot"]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(*source, id=source[0]) for source in _sources()]
)
def test_every_module_keeps_to_its_place(module: str, path: Path) -> None:
    assert problems(module, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        ("bot.core.market.fees", "import asyncio", "pure and may not import asyncio"),
        ("bot.core.market.fees", "from os.path import join", "pure and may not import os"),
        ("bot.core.market.fees", "import httpx", "pure and may not import httpx"),
        ("bot.core.market.fees", "def f():\n    return open('x')", "pure and may not call open"),
        ("bot.engine.cycle", "from time import monotonic", "may not import time"),
        (
            "bot.engine.cycle",
            "import datetime\ndatetime.datetime.now()",
            "may not call datetime.now",
        ),
        ("bot.engine.cycle", "from datetime import date as d\nd.today()", "may not call d.today"),
        ("api.app", "from datetime import datetime\ndatetime.utcnow()", "datetime.utcnow"),
        ("bot.market_data.universe", "loop.time()", "may not read the loop's time"),
        ("bot.kalshi.limits", "asyncio.get_running_loop().time()", "the loop's time"),
        ("main", "import os\nos.environ['PORT']", "may not touch os.environ"),
        ("main", "import os\nos.getenv('PORT')", "may not touch os.getenv"),
        ("main", "from os import environ", "may not import os.environ"),
        (
            "bot.app.bootstrap",
            "from bot.sim.world.truth import Truth",
            "may not know what the part",
        ),
        ("bot.trading.trader", "risk.Approved(order, book)", "may not make an Approved"),
        ("bot.trading.trader", "Approved(order, book)", "may not make an Approved"),
        (
            "bot.trading.paper_venue",
            "from bot.core.risk.review import _SEAL",
            "may not touch the seal",
        ),
        ("bot.trading.paper_venue", "x = risk._SEAL", "may not touch the seal"),
        ("bot.core.market.fees", "Decimal(price)", "may not make a Decimal of a value"),
        ("bot.core.market.fees", "Decimal(0.1)", "may not make a Decimal of a value"),
        ("bot.engine.cycle", "asyncio.create_task(f())", "outside a TaskGroup"),
        ("bot.engine.cycle", "ensure_future(f())", "outside a TaskGroup"),
        (
            "bot.engine.cycle",
            "try:\n    f()\nexcept (OSError, Exception):\n    pass",
            "every exception",
        ),
        ("bot.engine.cycle", "try:\n    f()\nexcept:\n    pass", "every exception"),
        ("bot.dashboard.snapshot", "from pydantic import BaseModel", "may not import pydantic"),
        ("api.schemas.state", "from pydantic import BaseModel", "may not import pydantic"),
        ("bot.engine.cycle", "def f():\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ("bot.engine.cycle", "kept = 1", "kept is a private word"),
        ("bot.engine.cycle", "class MarketBoard: pass", "MarketBoard is a private word"),
        ("bot.engine.cycle", "def f(order_fates): pass", "order_fates is a private word"),
        ("bot.engine.cycle", "self.last_mood = 1", "last_mood is a private word"),
        ("bot.engine.cycle", "async def see(): pass", "see does not say what it does"),
    ],
)
def test_each_rule_bites(module: str, source: str, problem: str) -> None:
    found = problems(module, source)

    assert len(found) == 1
    assert problem in found[0]
    assert module in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bot.core.market.fees", "import numpy as np\nfrom decimal import Decimal\nDecimal('0.1')"),
        ("bot.core.risk.review", "Approved(order, book, fees, seen_at, _SEAL)"),
        ("bot.core.market.money", "Decimal(repr(value))"),
        ("bot.kalshi.client", "import httpx\nfrom bot.ports.exchange import ExchangeError"),
        ("bot.kalshi.client", "from bot.kalshi import wire"),
        ("bot.clock", "import time\ntime.perf_counter()\ndatetime.now(UTC)"),
        ("bot.config.loading", "import os\nos.environ\nfrom pydantic import Field"),
        (
            "bot.engine.cycle",
            "self.clock.now()\ngroup.create_task(f())\nfrom bot.dashboard.snapshot import Snapshot",
        ),
        ("bot.engine.loop", "loop.time()"),
        ("bot.engine.loop", "asyncio.create_task(f())\ntry:\n    f()\nexcept Exception:\n    pass"),
        (
            "bot.app.bootstrap",
            "from bot.trading.paper_venue import PaperVenue\nfrom bot.engine.cycle import Cycle",
        ),
        ("api.routes.whales", "from pydantic import AwareDatetime"),
        ("main", "from bot.app.bootstrap import service"),
        ("bot.trading.trader", "resolve_in_doubt = 1\nclass EntryGuard: pass"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    assert problems(module, source) == []


def test_a_public_class_name_means_one_thing() -> None:
    assert doubles(_sources()) == {}


def test_a_class_of_two_meanings_is_found(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("class Plan: pass\nclass _Own: pass\n")

    assert doubles([("a", path), ("b", path)]) == {"Plan": {"a", "b"}}


def test_no_test_imports_the_conftest_of_another() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if "conftest" in name.split(".")
    ]

    assert found == []


def test_no_test_module_imports_another():
    apart = re.compile(r"^(?:from|import) tests\.(?:unit|integration)\b.*", re.MULTILINE)
    found = {
        str(path): imports
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (imports := apart.findall(path.read_text()))
    }

    assert found == {}, "what tests share is in tests/support/"


def test_four_of_five_functions_are_short() -> None:
    found = [
        _length(node)
        for _, path in _sources()
        if "versions" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    short = sum(lines <= SHORT_FUNCTION for lines in found)
    assert short / len(found) >= SHORT_SHARE


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
