"""Break the path of money in one place at a time: a named test has to notice.

`python -m trials.mutants [--only NAME]`

Each mutation replaces one piece of text in a copy of the code and runs the tests named beside it.
A mutation that no test notices survives, and the trial fails; so does one whose text is not in
the code any more, or whose tests fail without it. A table, not a tool that mutates everything:
what survives there is wording and constants.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
_COPIED: Final = ("api", "bot", "bench", "docs", "models", "tests", "trials")
_FILES: Final = (
    "main.py",
    "logging_utils.py",
    "pyproject.toml",
    "README.md",
    ".env.example",
    "requirements.txt",
)


class Mutation(NamedTuple):
    """What is broken: in a file one text becomes another; the tests that have to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS: Final = (
    Mutation(
        "an order that cannot be prolonged holds its pass up",
        "bot/kalshi/trading/requests.py",
        "body, self._own, patience=ORDER_PATIENCE, shard=shard)",
        "body, self._own, shard=shard)",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "an exit is not reduce-only",
        "bot/kalshi/trading/order_requests.py",
        "reduce_only=leaves,",
        "reduce_only=False,",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "an exit gives way to the owner's own order",
        "bot/kalshi/trading/order_requests.py",
        '"maker" if leaves else',
        '"taker_at_cross" if leaves else',
        "tests/unit/kalshi/test_trading.py",
    ),
    Mutation(
        "an exit has the size of an entry",
        "bot/core/signals/strategy.py",
        "(abs(intent.position), Aim.LEAVE)",
        "(sizing.size, Aim.LEAVE)",
        "tests/unit/core/signals/test_strategy.py",
    ),
    Mutation(
        "an order is sent though it could not be written down",
        "bot/trading/order_gateway.py",
        "return Permit(fault=str(error)).stop",
        "return None",
        "tests/unit/trading",
    ),
    Mutation(
        "an order is sent after its writing without asking again",
        "bot/trading/order_gateway.py",
        "await self._unwritten(order, written) or self._block_reason(approved)",
        "await self._unwritten(order, written)",
        "tests/unit/trading",
    ),
    Mutation(
        "a lost term still writes",
        "bot/store/leases.py",
        "if result.rowcount == 0:",
        "if result.rowcount < 0:",
        "tests/unit/store/test_lease.py",
    ),
    Mutation(
        "an earlier epoch of the same holder passes for this one",
        "bot/store/leases.py",
        '.where(lease.c.holder == bindparam("whose"), lease.c.epoch == bindparam("which"))',
        '.where(lease.c.holder == bindparam("whose"), bindparam("which") >= 0)',
        "tests/unit/store/test_lease.py",
    ),
    Mutation(
        "an order that was written down before is another one, and is taken",
        "bot/store/writing.py",
        'if there["status"] is not None or any(',
        "if False and any(",
        "tests/unit/store",
    ),
    Mutation(
        "a fee is not paid from the cash",
        "bot/core/account/portfolio.py",
        "proceeds - paid - fill.fee, gain, fill.fee)",
        "proceeds - paid, gain, fill.fee)",
        "tests/unit/core/account/test_portfolio.py",
    ),
    Mutation(
        "NO pays what YES pays",
        "bot/core/account/portfolio.py",
        "return price if side is Side.BUY else ONE - price",
        "return price",
        "tests/unit/core/account/test_portfolio.py",
    ),
    Mutation(
        "an order trades through its limit",
        "bot/core/market/matching.py",
        "return level.price <= limit if side is Side.BUY else level.price >= limit",
        "return True",
        "tests/unit/core/market/test_matching.py",
    ),
    Mutation(
        "more is taken than a level shows",
        "bot/core/market/matching.py",
        "min(shown, left)",
        "left",
        "tests/unit/core/market/test_matching.py",
    ),
    Mutation(
        "a fill is booked again when its order is asked for again",
        "bot/trading/order_gateway.py",
        "self._waiting.pop(order.client_order_id, None)",
        "pass",
        "tests/unit/trading/test_order_gateway.py",
    ),
    Mutation(
        "a loss of the day stops nothing",
        "bot/core/risk/circuit_breakers.py",
        "if lost < limit:",
        "if True:",
        "tests/unit/core/risk",
    ),
    Mutation(
        "without a database it says that exits continue",
        "bot/core/risk/circuit_breakers.py",
        "if self.fault is not None:",
        "if self.fault is not None and self.killed is None:",
        "tests/unit/core/risk/test_brakes.py",
    ),
    Mutation(
        "a paper order trades without a next book",
        "bot/trading/paper_venue.py",
        "return self._without_book(order, error)",
        "there = SeenBook(approved.book_seen_at, approved.book)",
        "tests/unit/app/test_desks.py",
    ),
    Mutation(
        "a fill that is reported twice counts twice",
        "bot/kalshi/trading/outcome.py",
        "if distinct.setdefault(fill.fill_id, fill) != fill:",
        'if distinct.setdefault(f"{fill.fill_id}{len(distinct)}", fill) != fill:',
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "a lookup takes an order of another size for this one",
        "bot/kalshi/trading/outcome.py",
        "sized = size <= order.size if order.aim is Aim.LEAVE else size == order.size",
        "sized = bool(size)",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "an order that is not listed yet never arrived",
        "bot/kalshi/trading/order_lookup.py",
        "if known_to <= certain:",
        "if not known_to:",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "the group of an order in doubt goes on taking orders",
        "bot/kalshi/trading/order_lookup.py",
        "await self._fence.renew(place.group, place.shard, place.aim)",
        "pass",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "a term leaves the order groups of the one before in force",
        "bot/kalshi/trading/fence.py",
        "ours = [*handed_on,",
        "ours = [] and [*handed_on,",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "the epoch is not in the name of an order",
        "bot/app/composition.py",
        'prefix = f"{term.epoch}-{',
        'prefix = f"1-{',
        "tests/unit/app",
    ),
    Mutation(
        "a pass is shown and never committed",
        "bot/engine/commit_queue.py",
        "await self._store.commit(done)",
        "pass",
        "tests/unit/engine/test_unit_of_work.py",
    ),
    Mutation(
        "a commit whose answer was lost is written again",
        "bot/store/account_store.py",
        "return writing.newest(connection, self._chapter.book) >= self._unsure[1]",
        "return False",
        "tests/unit/store/test_failures.py",
    ),
    Mutation(
        "an exit is sized from all that is held, not from its own market",
        "bot/trading/trader.py",
        "Intent(action, ticker, self.portfolio.size(ticker),",
        "Intent(action, ticker, sum(p.size for p in self.portfolio.positions.values()),",
        "tests/unit/trading",
    ),
    Mutation(
        "a key that may move cash is used",
        "bot/kalshi/trading/key_rights.py",
        "and not may_move_cash",
        "and may_move_cash is None",
        "tests/unit/kalshi/test_key_rights.py",
    ),
    Mutation(
        "any words confirm real money",
        "bot/config/settings.py",
        "if self.live_confirm != phrase:",
        "if not self.live_confirm:",
        "tests/unit/config/test_config.py",
    ),
    Mutation(
        "a fill of a resting order is booked with each answer that tells it",
        "bot/core/market/working.py",
        "booked = self.booked | {fill.fill_id for fill in fresh}",
        "booked = self.booked",
        "tests/unit/core/market/test_working.py",
    ),
    Mutation(
        "what an earlier term booked of a resting order is booked again",
        "bot/trading/order_gateway.py",
        "self._booked = dict(checkpoint.booked)",
        "self._booked = {}",
        "tests/integration/test_live_resting.py",
    ),
    Mutation(
        "the database forgets which fills of an order in doubt are booked",
        "bot/store/reading.py",
        "known = fills_in_doubt(connection, book)",
        "known = dict[str, frozenset[str]]()",
        "tests/unit/store/test_book.py::test_what_is_booked_of_an_order_in_doubt_is_read_with_it",
    ),
    Mutation(
        "a resting order may cross the spread",
        "bot/kalshi/trading/order_requests.py",
        "post_only=True,",
        "post_only=False,",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "a resting order has no end of its own",
        "bot/kalshi/trading/order_requests.py",
        "        cancel_order_on_pause=True,\n        expiration_time=int(until.timestamp()),",
        "        cancel_order_on_pause=True,",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "an exit rests whatever the exchange holds",
        "bot/kalshi/trading/resting.py",
        "if -side.sign * there >= size:",
        "if size:",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "an exit takes while what rests may still trade",
        "bot/trading/working_orders.py",
        "return ticker not in self._gateway.working",
        "return True",
        "tests/integration/test_live_resting.py",
    ),
    Mutation(
        "a withdrawal counts as a fall from the peak",
        "bot/core/risk/circuit_breakers.py",
        "peak=self.peak + amount,",
        "peak=self.peak,",
        "tests/unit/core/risk/test_brakes.py",
    ),
    Mutation(
        "a withdrawal counts as lost today",
        "bot/core/risk/circuit_breakers.py",
        "day=day and replace(day, equity=day.equity + amount),",
        "day=day,",
        "tests/unit/core/risk/test_brakes.py",
    ),
    Mutation(
        "what a market will pay is believed before there is a result",
        "bot/core/market/market.py",
        "return value if is_reported else None",
        "return value",
        "tests/unit/core/market/test_market.py",
    ),
    Mutation(
        "who is not sure of the lease prolongs",
        "bot/trading/order_gateway.py",
        "return self._safety.sure() and self._safety.fault() is None",
        "return True",
        "tests/integration/test_live_resting.py",
    ),
    Mutation(
        "the end of a term leaves in the book what rests",
        "bot/kalshi/trading/fence.py",
        "for shard, group in [one for by in groups.values() for one in by.items()]:",
        "for shard, group in list[tuple[int, str]]():",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "an order in doubt is left to rest",
        "bot/kalshi/trading/order_lookup.py",
        "await self._exchange.cancel(reported.order_id, order, self.shard(order))",
        "pass",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "a withdrawal counts as filled what was taken out",
        "bot/kalshi/trading/resting.py",
        "self._lookup.filled(order, order_id, order.size - left)",
        "self._lookup.filled(order, order_id, left)",
        "tests/unit/kalshi/test_resting.py",
    ),
    Mutation(
        "a model that is not the one on its card is opened",
        "bot/model/scorer.py",
        "if (found := hashlib.sha256(content).hexdigest()) != sha256:",
        'if (found := hashlib.sha256(content).hexdigest()) == "":',
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a model of another scikit-learn is opened",
        "bot/model/scorer.py",
        "    if wanted != installed:\n",
        "    if not wanted:\n",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a model trained on other columns scores",
        "bot/model/scorer.py",
        "if card.features != feature_names or feature_names != FEATURE_NAMES:",
        "if feature_names != FEATURE_NAMES:",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a card with ranges of unknown columns is believed",
        "bot/model/scorer.py",
        "    strange = sorted(set(card.ranges) - set(FEATURE_NAMES))\n",
        "    strange: list[str] = []\n",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a model from outside its folder is opened",
        "bot/model/scorer.py",
        "if not path.is_relative_to(folder.resolve()):",
        "if not path.is_relative_to(path):",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a model that gives no score to a book is kept",
        "bot/model/scorer.py",
        "if not 0.0 <= score <= 1.0:",
        "if not 0.0 <= score <= 1.0 and path is None:",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "a model with a column twice is kept",
        "bot/model/scorer.py",
        "if len(set(uses)) != len(uses) or not uses:",
        "if not uses:",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "what is no model is opened all the same",
        "bot/model/scorer.py",
        "    except NO_MODEL as error:\n",
        "    except ZeroDivisionError as error:\n",
        "tests/unit/model/test_scorer.py",
    ),
    Mutation(
        "an exit at rest exceeds what is held there",
        "bot/kalshi/trading/resting.py",
        "if order.aim is Aim.LEAVE:\n            block_reason",
        "if order.aim is Aim.ENTER:\n            block_reason",
        "tests/integration/test_live_resting.py",
    ),
    Mutation(
        "an entry at rest is no concern of the kill switch",
        "bot/trading/trader.py",
        "stop = self._is_ending() or self._permit().stop",
        "stop = self._is_ending()",
        "tests/integration/test_live_resting_entries.py",
    ),
    Mutation(
        "what rests counts in no limit",
        "bot/trading/trader.py",
        "return (*self.unresolved, *left)",
        "return self.unresolved",
        "tests/unit/trading/test_resting_entries.py",
    ),
    Mutation(
        "cash that is set aside for what rests is spent again",
        "bot/trading/reconciliation/positions.py",
        "- trader.reserved",
        "",
        "tests/unit/trading/reconciliation/test_positions.py",
    ),
    Mutation(
        "any cash may be missing while something rests",
        "bot/core/account/set_aside.py",
        "min(missing, way.most + also)",
        "missing",
        "tests/unit/core/account/test_reconcile.py",
    ),
    Mutation(
        "a trade that is not booked is other hands', whoever sent its order",
        "bot/core/account/foreign.py",
        "return one.order_id in self.theirs",
        "return True",
        "tests/integration/test_foreign_respected.py"
        "::test_an_order_of_ours_that_ended_by_word_is_never_theirs_and_is_ours_once_adopted",
    ),
    Mutation(
        "what was there first is theirs though a trade of ours is not booked",
        "bot/core/account/foreign.py",
        "theirs == trades and ",
        "",
        "tests/integration/test_foreign_respected.py"
        "::test_an_order_that_ended_by_word_before_the_first_look_is_not_theirs_either",
    ),
    Mutation(
        "what was traded before the first look was opened by it",
        "bot/core/account/foreign.py",
        "before = rest - sum((one.fill.signed_size for one in trades), ZERO)",
        "before = ZERO",
        "tests/integration/test_foreign_respected.py"
        "::test_what_was_there_before_and_was_traded_before_the_first_look_moved_its_own_cash",
    ),
    Mutation(
        "theirs is settled before ours, which nothing pays then",
        "bot/core/account/foreign.py",
        "and not ours.size(ticker):\n        return foreign.settle",
        "and True:\n        return foreign.settle",
        "tests/integration/test_foreign_respected.py"
        "::test_what_settles_is_paid_to_each_by_what_the_account_was",
    ),
    Mutation(
        "trades of other hands are taken over where they are respected",
        "bot/core/account/adoption.py",
        "if one.order_id in owned.ours]",
        "]",
        "tests/unit/core/account/test_adoption.py",
    ),
    Mutation(
        "what closes a position is set aside as well",
        "bot/core/account/reconcile.py",
        "reserves(resting, account.positions)",
        "reserves(resting, {})",
        "tests/unit/core/account/test_set_aside.py",
    ),
    Mutation(
        "what other hands traded is not read again until something changes",
        "bot/trading/reconciliation/positions.py",
        "abs(gap) > CASH_TOLERANCE and now",
        "False and now",
        "tests/integration/test_foreign_respected.py"
        "::test_a_trade_that_is_listed_late_is_counted_though_nothing_changes_meanwhile",
    ),
    Mutation(
        "an order that hangs is asked about within its pass",
        "bot/kalshi/trading/order_lookup.py",
        "if isinstance(error.__cause__, TimeoutError):",
        "if False:",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "a group that was stopped for an order in doubt passes for a runaway's",
        "bot/kalshi/trading/order_lookup.py",
        "if error.code != STOPPED_GROUP or place is None:",
        "if True:",
        "tests/unit/kalshi/test_venue.py",
    ),
    Mutation(
        "an order that was under way before a refusal lifts it",
        "bot/trading/trading_halts.py",
        "if last is not None and last.since <= sent_at:",
        "if last is not None:",
        "tests/unit/trading/test_trading_halts.py",
    ),
    Mutation(
        "orders that were under way together double a pause",
        "bot/trading/trading_halts.py",
        "is_anew = last is None or last.since <= execution.order.at",
        "is_anew = True",
        "tests/unit/trading/test_trading_halts.py",
    ),
    Mutation(
        "entries under way are no entries of the minute",
        "bot/trading/trader.py",
        " + self._gateway.entries_underway",
        "",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "orders under way count in no limit",
        "bot/trading/trader.py",
        "return (*self.unresolved, *left)",
        "return tuple(left)",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "orders are decided on while they wait for the rows of others",
        "bot/trading/trader.py",
        "            await alone.enter_async_context(self._deciding)\n",
        "",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "an order is decided on once the one before is answered",
        "bot/trading/order_gateway.py",
        "            await written()\n",
        "            pass\n",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "a lost lease cuts off the orders beside it",
        "bot/trading/side_by_side.py",
        "                self.failures.append(error)",
        "                raise",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "after a lost lease the orders behind it are sent",
        "bot/trading/side_by_side.py",
        "            if self.failures:\n                return\n",
        "",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "entries go before exits are answered",
        "bot/trading/side_by_side.py",
        "timeout=EXIT_WAIT",
        "timeout=0",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "entries wait for an exit that hangs",
        "bot/trading/side_by_side.py",
        "timeout=EXIT_WAIT",
        "timeout=None",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "entries go in the wave of exits",
        "bot/trading/trader.py",
        "exits = [row for row in rows if tickers[row] in held]",
        "exits = [row for row in rows if tickers[row] not in held]",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "an entry that was cut off is none of the minute",
        "bot/trading/trader.py",
        "if sent is None and decision.action in ENTRIES:",
        "if False:",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "what is on its way is asked about",
        "bot/trading/order_gateway.py",
        "if name not in self._sending]",
        "]",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "a signal stands before the orders of others",
        "bot/trading/trader.py",
        "            place = ordered_at\n",
        "            pass\n",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "all orders of a pass go at once",
        "bot/trading/side_by_side.py",
        "asyncio.Semaphore(most)",
        "asyncio.Semaphore(10**6)",
        "tests/unit/trading/test_side_by_side.py",
    ),
    Mutation(
        "a market that cannot be read is adopted as nothing held",
        "bot/core/account/adoption.py",
        "for ticker in comparable(portfolio, record.now):",
        "for ticker in sorted({*portfolio.positions, *reported}):",
        "tests/unit/core/account/test_adoption.py",
    ),
    Mutation(
        "cash is adopted although a market cannot be read",
        "bot/core/account/adoption.py",
        " and not record.now.unreadable",
        "",
        "tests/unit/core/account/test_adoption.py",
    ),
    Mutation(
        "a fill that was booked is adopted again",
        "bot/core/account/adoption.py",
        "for one in fills if one.fill.fill_id not in booked",
        "for one in fills",
        "tests/unit/core/account/test_adoption.py",
    ),
)


def main(argv: Sequence[str]) -> int:
    """1 if a mutation survives."""
    options = _parser().parse_args(argv)
    chosen = [one for one in MUTATIONS if options.only in one.name]
    if not chosen:
        sys.stdout.write(f"no mutation is named {options.only}\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = copied(Path(folder))
        before = {tests: _failed(copy, tests) for tests in {one.tests for one in chosen}}
        results = [tried(copy, one, before[one.tests]) for one in chosen]
    survivors = sum(not caught for caught in results)
    sys.stdout.write(f"{len(results)} mutations, {survivors} survived\n")
    return 1 if survivors else 0


def copied(folder: Path) -> Path:
    """The code in a folder of its own, so that nothing broken lies in this one."""
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def tried(copy: Path, mutation: Mutation, before: str | None) -> bool:
    """Whether the tests notice a mutation; says so. `before` is what fails without it."""
    path = copy / mutation.file
    sound = path.read_text(encoding="utf-8")
    if sound.count(mutation.old) != 1:
        count = sound.count(mutation.old)
        sys.stdout.write(f"STALE     {mutation.name}: its text stands {count} times in the code\n")
        return False
    if before is not None:
        sys.stdout.write(f"UNSOUND   {mutation.name}: {before} fails without it\n")
        return False
    path.write_text(sound.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        failed = _failed(copy, mutation.tests)
    finally:
        path.write_text(sound, encoding="utf-8")
    sys.stdout.write(f"{'caught' if failed else 'SURVIVED':9} {mutation.name}: {failed or '–'}\n")
    sys.stdout.flush()
    return failed is not None


def _failed(copy: Path, tests: str) -> str | None:
    """The first test that fails; None if all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", tests]
    # The working directory comes first on the path: the copy is imported, not this code.
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    named = (line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")))
    return next(named, done.stdout[-200:]).split(" - ")[0].removeprefix("FAILED ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trials.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="those with these words in their name")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
