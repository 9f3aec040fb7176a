"""The desk of a term: pretend orders need nothing, real ones a fence and agreeing accounts."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina

from bot import config
from bot.app import execution_backends
from bot.app.composition import assembled, first_snapshot, order_ids
from bot.app.execution_backends import BookLedger, LiveBackend, PaperBackend, SigningKey, signer_of
from bot.app.node_context import NodeContext, RoleStatus, TermResources
from bot.clock import SystemClock
from bot.core.account.operator_requests import AccountRequests
from bot.core.account.portfolio import Portfolio
from bot.core.market.market import Side
from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.market.orders import Aim, Execution, Life, OrderStatus
from bot.core.market.working import WorkingOrder
from bot.kalshi.client import KalshiClient
from bot.kalshi.trading.fence import MOST_CONTRACTS
from bot.kalshi.wire.markets import PublicTrade
from bot.ports.exchange import BookAnswer, ExchangeError
from bot.ports.persistence import Checkpoint, NullStore, Term
from bot.sim.engine.units import CONTRACT
from bot.trading.paper_venue import PaperVenue
from tests.support.cash_ledgers import FakeCashLedger
from tests.support.fakes import FakeScorer, ListJournal
from tests.support.kalshi_stand import BOOK, FAR, KEY, PEM, TICKER, buying, stand
from tests.support.services import place
from tests.support.sim_exchanges import request
from tests.support.strategies import NOON, approved

LIMIT = 1_000
#: What our mark on the limit of a group comes to, in units.
MARKED = 37
LIVE: dict[str, Any] = {
    "bot_mode": "live",
    "api_token": "the-token-of-the-owner",
    "kalshi_api_key": KEY.key_id,
    "kalshi_secret": PEM,
    "live_confirm": "real money at exchange.example",
    "live_allow": ("local-database",),
}


class NamedBooks:
    """Answers with these books, each with the time it was seen, or why there is none."""

    def __init__(self, books=(), missing=None, trades=()):
        self.answer = BookAnswer(Books.of(list(books)), missing or {})
        self.traded = trades

    async def books(self, tickers):
        return self.answer

    async def trades(self, ticker, limit):
        return self.traded

    async def recent_trades(self, since, pages):
        return self.traded, True, frozenset()


NO_BOOKS = NamedBooks()


@pytest.fixture(autouse=True)
def _retries_do_not_wait():
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def settings(**changes):
    return config.load(None, **{"kalshi_base_url": "https://exchange.example", **changes})


@dataclass
class Manned:
    """A live desk with the bot that trades there."""

    live: Any
    backend: LiveBackend
    bot: Any

    async def submit(self, wish):
        return await self.backend.venue.submit(approved(wish, BOOK))

    async def poll(self, after=61.0):
        self.live.clock.pass_by(after)
        await self.backend.poll()
        return self.backend.block_reason

    def trade_elsewhere(self, side, contracts, cents):
        self.live.exchange.place(self.live.ann, request(side, contracts, cents, ticker=TICKER))


def desk_on(live):
    return LiveBackend(live.trading, LIMIT, live.clock)


def ledger_of(live):
    nothing = Checkpoint(1, Portfolio.of_cash(Decimal(0)))
    began = live.clock.now()
    return BookLedger(FakeCashLedger(began), NoTrades(began), nothing)


@dataclass(frozen=True)
class NoTrades:
    """A book since that moment, of which nothing is written down."""

    began: datetime

    async def booked(self, after=None):
        return after or self.began, frozenset()

    async def uncovered(self, after=None):
        return await self.booked(after)

    async def orders(self, names):
        return names & set()


async def manned(live):
    """A term that has begun, its bot joined and looking at both markets."""
    backend = desk_on(live)
    cash = await backend.cash()
    handed_on = await backend.begin(None)
    model, data = FakeScorer(), KalshiClient(live.calls._http, live.calls._budget, live.clock)
    found = settings(paper_cash=cash)
    snapshot_holder = first_snapshot(found, model, live.clock.now())
    world = NodeContext(found, model, data, ListJournal(), live.clock, snapshot_holder)
    resources = TermResources(
        NullStore(), backend.venue, order_ids(Term("me", 1), live.clock.now())
    )
    bot = assembled(world, resources)
    bot.restore(Checkpoint(1, Portfolio.of_cash(cash)))
    backend.attach(bot, ledger_of(live), RoleStatus())
    await bot.universe.scan()
    await bot.universe.refresh()
    return Manned(live, backend, bot), handed_on


# Paper


async def test_a_paper_desk_has_the_cash_of_the_settings_and_no_objection():
    async with execution_backends.opened(
        settings(paper_cash=1_234), SystemClock(), NO_BOOKS
    ) as backend:
        assert isinstance(backend, PaperBackend)
        assert isinstance(backend.venue, PaperVenue)
        assert await backend.cash() == Decimal(1_234)
        assert await backend.begin("what a live term handed on") is None
        await backend.poll()
        assert backend.block_reason is None


async def test_a_pretend_order_meets_the_next_book_and_not_the_one_it_was_decided_on():
    dearer = OrderBook(BOOK.bids, (Level(BOOK.asks[0].price + Decimal("0.01"), Decimal(500)),))
    wish = approved(buying("5", str(BOOK.asks[0].price + Decimal("0.02"))), BOOK)
    later = NamedBooks([(TICKER, wish.book_seen_at + 1, dearer)])

    execution = await PaperBackend(Decimal(100), later).venue.submit(wish)

    assert [fill.price for fill in execution.fills] == [dearer.asks[0].price]


@pytest.mark.parametrize(
    ("books", "why"),
    [
        (NamedBooks(missing={TICKER: "the book is crossed"}), "the book is crossed"),
        (NO_BOOKS, "the exchange sent none"),
    ],
    ids=["broken", "absent"],
)
async def test_without_a_next_book_nothing_trades_and_it_says_why(books, why):
    execution = await PaperBackend(Decimal(100), books).venue.submit(approved(buying(), BOOK))

    assert execution.status is OrderStatus.CANCELED
    assert execution.fills == ()
    assert execution.error == f"no book came after the decision: {why}"


async def test_a_next_book_that_does_not_come_is_not_waited_for(monkeypatch):
    class Hanging(NamedBooks):
        async def books(self, tickers):
            await asyncio.Event().wait()

    monkeypatch.setattr(execution_backends, "NEXT_BOOK_WITHIN", 0.01)

    execution = await PaperBackend(Decimal(100), Hanging()).venue.submit(approved(buying(), BOOK))

    assert "nothing within" in execution.error


async def test_an_order_that_is_withdrawn_meets_what_traded_before_the_next_book():
    price, size = BOOK.asks[0]
    leaving = replace(buying("5", str(price)), side=Side.SELL, aim=Aim.LEAVE, life=Life.REST)
    wish = approved(leaving, BOOK)
    seen_at = wish.book_seen_at
    at = datetime.fromtimestamp(seen_at + 1.5, UTC)
    traded = [
        PublicTrade("t", TICKER, at, Side.BUY, price, size + 2, is_block=False),
        PublicTrade("b", TICKER, at, Side.BUY, price, size, is_block=True),
    ]
    source = NamedBooks([(TICKER, seen_at + 1, BOOK)], trades=traded)
    venue = PaperBackend(Decimal(100), source).venue
    told: Any = await venue.rest(wish)
    source.answer = BookAnswer(Books.of([(TICKER, seen_at + 2, BOOK)]))

    ended = await venue.withdraw(WorkingOrder(told, leaving="enough"), NOON, is_over=False)

    assert isinstance(ended, Execution)
    assert [(fill.size, fill.price) for fill in ended.fills] == [(Decimal(2), price)]


async def test_an_order_stays_on_its_way_out_until_a_next_book_comes():
    price = BOOK.asks[0].price
    wish = approved(replace(buying("5", str(price)), side=Side.SELL, life=Life.REST), BOOK)
    source = NamedBooks([(TICKER, wish.book_seen_at + 1, BOOK)])
    venue = PaperBackend(Decimal(100), source).venue
    told: Any = await venue.rest(wish)
    leaving = WorkingOrder(told, leaving="enough")
    source.answer = BookAnswer(Books.of([]), {TICKER: "broken"})

    assert await venue.withdraw(leaving, NOON, is_over=False) == told


async def test_a_paper_desk_takes_no_notice_of_a_key():
    wrong = settings(kalshi_api_key="k", kalshi_secret="hunter2")

    assert signer_of(wrong, SystemClock()) is None
    async with execution_backends.opened(wrong, SystemClock(), NO_BOOKS) as backend:
        assert isinstance(backend, PaperBackend)


# Live


@pytest.mark.parametrize(
    "secret", ["hunter2", "/no/such/hunter2.pem", f"{PEM[:40]}hunter2{PEM[60:]}"]
)
async def test_a_key_that_cannot_sign_is_refused_by_name_and_not_shown(secret):
    wrong = settings(**{**LIVE, "kalshi_secret": secret})

    with pytest.raises(ValueError, match="KALSHI_SECRET") as refused:
        async with execution_backends.opened(wrong, SystemClock(), NO_BOOKS):
            pass

    assert "hunter2" not in str(refused.value)


async def test_a_live_desk_objects_until_its_term_and_its_first_look():
    async with stand(opened=False) as live:
        assert desk_on(live).block_reason == "the term has not begun"
        await desk_on(live).poll()

        at_desk, _ = await manned(live)

        assert "have not been reconciled" in at_desk.backend.block_reason
        assert await at_desk.poll() is None


async def test_a_new_live_book_begins_with_the_cash_of_all_shards():
    async with stand() as live:
        assert await desk_on(live).cash() == Decimal(1_500)


async def test_a_live_desk_that_cannot_ask_does_not_open():
    async with stand() as live:
        live.fail(kind="error", route="GET /portfolio/balance")

        with pytest.raises(ExchangeError, match="/portfolio/balance"):
            await desk_on(live).cash()


async def test_orders_go_to_the_shard_of_their_market():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)

        for name, ticker in (("c-1", TICKER), ("c-2", FAR)):
            assert (await at_desk.submit(buying(name=name, ticker=ticker))).filled == 20


async def test_before_a_bot_is_joined_nothing_is_sent():
    async with stand(opened=False) as live:
        backend = desk_on(live)
        await backend.begin(None)

        sent = await backend.venue.submit(approved(buying(), BOOK))

        assert isinstance(sent, Execution)
        assert "nobody knows on which shard" in sent.error
        assert live.orders() == 0


async def test_each_term_shuts_out_the_one_before():
    async with stand(opened=False) as live:
        first, handed_on = await manned(live)
        await desk_on(live).begin(handed_on)

        sent = await first.submit(buying())

        assert (sent.status, live.orders()) == (OrderStatus.ERROR, 0)


async def test_positions_that_differ_stop_entries_until_they_agree_again():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        assert await at_desk.poll() is None
        at_desk.trade_elsewhere(Side.BUY, 7, 50)

        assert await at_desk.poll() is None, "once may be an end that is told later"
        assert f"{TICKER}: 0 contracts booked, 7 at the exchange" in await at_desk.poll()
        at_desk.trade_elsewhere(Side.SELL, 7, 48)
        assert await at_desk.poll() is None


@pytest.mark.parametrize("dollars", [25, -25])
async def test_money_that_came_or_went_is_booked_as_no_profit(caplog, dollars):
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        trader, before = at_desk.bot.trader, at_desk.bot.trader.portfolio
        await at_desk.poll()
        live.exchange.deposit(live.ann, 0, dollars * 1_000_000)

        assert await at_desk.poll() is None
        assert f"({dollars:+})" in caplog.text
        assert await at_desk.poll() is None

        assert trader.portfolio == before.moved(Decimal(dollars))
        assert trader.daily_pnl == 0
        assert await at_desk.poll() is None
        assert at_desk.backend.account_note is None or "cash" not in at_desk.backend.account_note


async def test_cash_that_nothing_explains_stops_entries_until_an_operator_resumes():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        await at_desk.poll()
        live.ann.cash[0] -= 25_000_000

        assert await at_desk.poll() is None, "once may be an order that is told later"
        stopped = await at_desk.poll()
        assert "cash differs: $1500 booked, $1475 at the exchange (-25)" in stopped
        assert "POST /bot/resume" in stopped

        await at_desk.backend.resume(live.clock.now())

        assert at_desk.backend.block_reason is None
        assert at_desk.bot.trader.portfolio.cash == 1_475
        assert await at_desk.poll() is None


async def test_what_settled_in_a_market_that_nobody_lists_any_more_is_paid():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        trader = at_desk.bot.trader
        bought = await at_desk.submit(buying())
        trader._booked(live.clock.now(), bought, None)
        trader.take_pending(live.clock.now())
        held = trader.portfolio.size(TICKER)
        assert held == 20
        assert await at_desk.poll() is None
        live.exchange.set_close_time(TICKER, live.clock.now())
        live.exchange.determine(TICKER, "yes")
        live.clock.pass_by(7 * 86_400)
        live.exchange.advance(live.clock.now())
        assert live.ann.position(TICKER) == 0
        await at_desk.bot.universe.refresh()
        await at_desk.poll()

        assert f"{TICKER}: 20 contracts booked, 0 at the exchange" in await at_desk.poll()
        before = trader.portfolio.cash
        (settled, *_) = trader.settle(live.clock.now(), {})

        assert (settled.ticker, settled.payout, settled.size) == (TICKER, 1, 20)
        assert trader.portfolio.cash == before + 20
        assert await at_desk.poll() is None


async def test_what_was_closed_by_hand_before_it_settled_is_not_paid():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        trader = at_desk.bot.trader
        trader._booked(live.clock.now(), await at_desk.submit(buying()), None)
        trader.take_pending(live.clock.now())
        at_desk.trade_elsewhere(Side.SELL, 5, 48)
        live.exchange.set_close_time(TICKER, live.clock.now())
        live.exchange.determine(TICKER, "yes")
        live.clock.pass_by(7 * 86_400)
        live.exchange.advance(live.clock.now())
        await at_desk.bot.universe.refresh()

        for _ in range(3):
            await at_desk.poll()

        assert trader.settle(live.clock.now(), {}) == []
        assert at_desk.backend.block_reason is not None


# What the settings say


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


@pytest.mark.parametrize(
    ("size", "orders", "positions", "limit"),
    [(100, 10, 20, 6_000), ("0.01", 1, 1, 1), (10_000, 1_000, 1_000, MOST_CONTRACTS)],
)
async def test_the_exchange_itself_stops_what_no_busy_minute_can_explain(
    here, size, orders, positions, limit
):
    found = here.live(
        bot_order_size=size, risk_max_orders_per_minute=orders, risk_max_positions=positions
    )
    async with execution_backends.opened(found, SystemClock(), NO_BOOKS) as backend:
        await backend.begin(None)

    assert {group.limit for group in here.exchange.groups.of(here.ann)} == {
        limit * CONTRACT + MARKED,
        MOST_CONTRACTS * CONTRACT + MARKED,
    }


async def test_accounts_may_differ_for_longer_than_a_pass_takes_to_come(here):
    async with execution_backends.opened(
        here.live(bot_interval=600), SystemClock(), NO_BOOKS
    ) as backend:
        assert isinstance(backend, LiveBackend)
        assert backend._patience == timedelta(seconds=900)


# Whose account it is


async def test_another_bot_on_the_account_stops_entries():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        assert await at_desk.poll() is None

        await desk_on(live).begin(None)

        assert "another bot of this kind trades the account" in await at_desk.poll()


async def test_an_entry_is_paid_from_the_purse_of_its_shard():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        assert at_desk.backend.purse(0) is None
        await at_desk.poll()

        assert [at_desk.backend.purse(shard) for shard in (0, 2)] == [1_000, 500]


async def test_an_account_that_was_traded_is_known_by_its_member():
    async with stand(opened=False) as live:
        at_desk, _ = await manned(live)
        assert await at_desk.backend.history() is None
        await at_desk.submit(buying())

        owner = await at_desk.backend.owner()

        assert owner.user_id == live.ann.user_id
        assert await at_desk.backend.history() == "orders and 1 positions"


# What the key may do


def desk_with_key(live, *, may_move_cash=True):
    key = SigningKey(KEY.key_id, may_move_cash)
    return LiveBackend(live.trading, LIMIT, live.clock, key=key)


async def test_a_key_that_moves_cash_begins_no_term_unless_it_may():
    async with stand(opened=False) as live:
        with pytest.raises(ExchangeError, match="LIVE_ALLOW=transfer"):
            await desk_with_key(live, may_move_cash=False).begin(None)
        assert live.exchange.groups.of(live.ann) == []

        assert await desk_with_key(live).begin(None)


async def test_a_key_of_which_nothing_is_told_trades_and_that_is_said():
    async with stand(opened=False) as live:
        backend = desk_with_key(live, may_move_cash=False)
        live.fail(kind="error", route="GET /api_keys")

        assert await backend.begin(None)

        assert "what the key may do is not known" in str(backend.account_note)
        live.faults.clear()
        live.clock.pass_by(3_601)
        await backend.poll()
        assert "may move cash" in str(backend.account_note)


def test_no_two_terms_name_an_order_alike():
    names = [next(order_ids(Term("me", epoch), NOON)) for epoch in (1, 2)]

    assert len(set(names)) == 2
    assert [name.partition("-")[0] for name in names] == ["1", "2"]


# How much may be sent


async def test_the_budgets_are_half_of_what_the_account_may_send(monkeypatch):
    async with stand(opened=False) as live:
        sizes = []
        monkeypatch.setattr(live.calls, "resize", lambda *size: sizes.append(size))

        await execution_backends.sized(live.trading)

        # Basic: 200 and 100 tokens a second, a usual request is 10; reads are held for 3 s.
        assert sizes == [(10.0, 30.0), (5.0, 5.0)]


async def test_limits_that_are_not_told_keep_no_term_from_beginning(caplog):
    async with stand(opened=False) as live:
        live.fail(kind="error", route="GET /account/limits")

        await execution_backends.sized(live.trading)

        assert "The rate limits of the account are not known" in caplog.text


# An operator's word on the account


class Wishes:
    """What operators want of an account, and what they were told is done."""

    def __init__(self):
        self.wanted = AccountRequests()
        self.done = []

    def status(self):
        return RoleStatus(account_requests=lambda: self.wanted, account_done=self.finish)

    def finish(self, done):
        self.done.append(done)
        self.wanted = AccountRequests()


async def obeying(live):
    """The same, of which operators want something."""
    at_desk, _ = await manned(live)
    wishes = Wishes()
    at_desk.backend.attach(at_desk.bot, ledger_of(live), wishes.status())
    return at_desk, wishes


async def obeyed(at_desk, seconds=10.0):
    """Some beats."""
    for _ in range(3):
        at_desk.live.clock.pass_by(seconds)
        await at_desk.backend.poll()
        await at_desk.backend.obey()


async def test_what_explains_a_difference_is_said_before_anybody_adopts_it():
    async with stand(opened=False) as live:
        at_desk, _ = await obeying(live)
        at_desk.trade_elsewhere(Side.BUY, 7, 50)

        await obeyed(at_desk)

        (said,) = at_desk.bot.audit.view.explanations
        assert "which this bot did not book, bought 7 YES at $0.5" in said
        assert at_desk.bot.trader.portfolio.positions == {}


async def test_an_adopted_account_is_that_of_the_exchange_and_entries_go_on():
    async with stand(opened=False) as live:
        at_desk, wishes = await obeying(live)
        trader, clock = at_desk.bot.trader, live.clock
        at_desk.trade_elsewhere(Side.BUY, 7, 50)
        live.ann.cash[0] -= 25_000_000
        wishes.wanted = AccountRequests(adoption=clock.now())

        await obeyed(at_desk)

        assert trader.portfolio.size(TICKER) == 7
        now = await at_desk.backend.venue.account()
        assert trader.portfolio.cash == now.cash
        assert trader.portfolio.positions.keys() == now.positions.keys()
        assert wishes.done[0].adoption is not None
        (entry,) = at_desk.bot.audit.view.operator
        assert "an operator adopted the account" in entry.message
        assert "cash: nothing explains $-25" in entry.message
        assert at_desk.backend.block_reason is None
        # Of the day's loss nothing but the fee of the stranger's trade is ours.
        assert trader.daily_pnl > -1


async def test_a_market_whose_settlement_cannot_be_read_is_left_as_it_was_booked(monkeypatch):
    async with stand(opened=False) as live:
        at_desk, wishes = await obeying(live)
        at_desk.trade_elsewhere(Side.BUY, 7, 50)
        positions = live.trading.holdings

        async def gone():
            held = await positions()
            return replace(held, sizes={}, costs={})

        async def odd(ticker):
            raise ExchangeError(f"the settlement of {ticker} says 'maybe'")

        monkeypatch.setattr(live.trading, "holdings", gone)
        monkeypatch.setattr(live.trading, "settlement", odd)
        wishes.wanted = AccountRequests(adoption=live.clock.now())

        await obeyed(at_desk)

        (entry,) = at_desk.bot.audit.view.operator
        assert f"what is held of {TICKER} is not known: the settlement" in entry.message
        assert "cash" not in entry.message


async def test_nothing_is_adopted_while_an_order_is_in_doubt():
    async with stand(opened=False) as live:
        at_desk, wishes = await obeying(live)
        trader = at_desk.bot.trader
        doubtful = buying(at=live.clock.now())
        trader._gateway._waiting[doubtful.client_order_id] = doubtful
        at_desk.trade_elsewhere(Side.BUY, 7, 50)
        wishes.wanted = AccountRequests(adoption=live.clock.now())

        await obeyed(at_desk)

        assert trader.portfolio.positions == {}
        assert wishes.done == []
        assert "orders are on their way" in str(at_desk.bot.audit.view.adoption_waits)


@pytest.mark.parametrize(
    "word",
    [lambda said: AccountRequests(never=said), lambda said: AccountRequests(traded=said)],
    ids=["never", "traded"],
)
async def test_a_lost_order_ends_by_an_operators_word_once_it_is_old(word):
    async with stand(opened=False) as live:
        at_desk, wishes = await obeying(live)
        trader = at_desk.bot.trader
        lost = buying(at=live.clock.now())
        trader._gateway._waiting[lost.client_order_id] = lost
        said = {lost.client_order_id: live.clock.now()}

        wishes.wanted = word(said)
        await at_desk.backend.obey()
        assert trader.unresolved == (lost,)
        assert at_desk.bot.audit.view.operator[0].is_refusal
        assert wishes.wanted == AccountRequests()

        live.clock.pass_by(121)
        wishes.wanted = word(said)
        await at_desk.backend.obey()
        assert trader.unresolved == ()
        entry = at_desk.bot.audit.view.operator[0]
        assert (entry.about, entry.is_refusal) == (lost.client_order_id, False)
        assert trader.portfolio.positions == {}


async def test_nothing_is_taken_over_from_an_account_that_moves_while_it_is_read(monkeypatch):
    async with stand(opened=False) as live:
        at_desk, wishes = await obeying(live)
        read = live.trading.fills_since

        async def moving(since):
            at_desk.trade_elsewhere(Side.BUY, 1, 50)
            return await read(since)

        monkeypatch.setattr(live.trading, "fills_since", moving)
        wishes.wanted = AccountRequests(adoption=live.clock.now())

        await obeyed(at_desk)

        assert at_desk.bot.trader.portfolio.positions == {}
        assert "changed while it was read" in str(at_desk.bot.audit.view.adoption_waits)


async def test_the_end_of_a_term_stops_its_order_groups():
    async with stand(opened=False) as live:
        backend = desk_on(live)
        await backend.begin(None)

        await backend.end()

        groups = live.exchange.state.groups.values()
        assert groups
        assert all(group.is_triggered for group in groups)


async def test_an_end_that_the_exchange_does_not_hear_of_says_how_long_what_rests_lives(caplog):
    async with stand(opened=False) as live:
        backend = desk_on(live)
        await backend.begin(None)
        live.fail(kind="cut")

        await backend.end()

        assert "what rests runs out within 30 s" in caplog.text


@pytest.mark.parametrize(("interval", "seconds"), [(1, 30), (10, 30), (11, 33), (40, 120)])
def test_what_rests_lives_for_three_cycles_and_half_a_minute_at_least(interval, seconds):
    settled = settings(bot_interval=interval)
    assert execution_backends.lifetime(settled) == timedelta(seconds=seconds)
