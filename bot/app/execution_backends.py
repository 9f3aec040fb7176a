"""Where the orders of a term go: paper, or live with all that live orders need.

A back-end is opened for each term. The live one fences its venue at the exchange itself and
reconciles the account.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final, Protocol

from bot.app.account_identity import Owner
from bot.app.account_requests import AccountRequestsTask
from bot.app.node_context import RoleStatus
from bot.app.term.bot import Bot
from bot.clock import stopwatch
from bot.config import Settings
from bot.core.market.market import Market
from bot.core.market.money import Dollars
from bot.core.market.queue import MarketUpdate
from bot.core.risk.review import Approved
from bot.engine.ports import BookSource
from bot.kalshi.auth import Signer
from bot.kalshi.calls import Calls
from bot.kalshi.client import open_http
from bot.kalshi.limits import TokenBudget
from bot.kalshi.trading.account_record import AccountRecords
from bot.kalshi.trading.fence import MOST_CONTRACTS, Fence
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.trading.venue import LIFETIME, LiveVenue, Waiting
from bot.market_data.trade_feed import TradeSource, traded_since
from bot.ports.exchange import Clock, ExchangeError, Venue
from bot.ports.persistence import Checkpoint, StateRecord
from bot.trading.paper_venue import PaperVenue, SeenBook
from bot.trading.reconciliation.adoption import AdoptionPlanner
from bot.trading.reconciliation.cash import CashLedger, CashReconciliation
from bot.trading.reconciliation.foreign import ForeignPositions, forget_foreign
from bot.trading.reconciliation.order_owners import OrderOwners
from bot.trading.reconciliation.positions import EVERY, Beside, Reconciliation

log = logging.getLogger("main")

#: Signed reads and writes a second until the account's own limits are known: half of what the
#: lowest tier may.
SIGNED_READS: Final = 10.0
SIGNED_WRITES: Final = 5.0
#: The share of the writes that may be sent at once which is kept for exits and cancels.
FOR_EXITS: Final = 0.4
#: How many times the contracts of a busy minute may trade on a shard in 15 s before the exchange
#: itself stops us.
RUNAWAY: Final = 2
#: Passes that a market may differ from the exchange's account: one of them books what was settled.
PASSES: Final = 1.5
#: And for so long at least: the exchange pays before its listing of markets says so.
SETTLED_WITHIN: Final = timedelta(seconds=30)
#: Between two checks of what the key may do, and until when.
KEY_EVERY: Final = timedelta(hours=1)
#: Cycles for which an order rests without being prolonged.
CYCLES: Final = 3
#: Seconds that the end of a term waits for the exchange to cancel what rests.
ENDED_WITHIN: Final = 5.0
#: Seconds within which the next book has to come; a real order would not wait longer, either.
NEXT_BOOK_WITHIN: Final = 5.0


class BookedTrades(Protocol):
    """What is written down of orders and fills. All may raise StoreError."""

    async def booked(self, after: datetime | None = None) -> tuple[datetime, frozenset[str]]:
        """Since when fills are known, not before `after`, and the ids of all booked since."""
        ...

    async def uncovered(self, after: datetime | None = None) -> tuple[datetime, frozenset[str]]:
        """The same, and not before the moment up to which cash was accepted as it was."""
        ...

    async def orders(self, names: frozenset[str]) -> frozenset[str]:
        """Those of these client order ids that were written down."""
        ...


@dataclass(frozen=True, slots=True)
class BookLedger:
    """Where cash that came or went is booked, and the trades that were.

    `checkpoint` is what was stored of it when the term began.
    """

    cash: CashLedger
    trades: BookedTrades
    checkpoint: Checkpoint


class ExecutionBackend(Protocol):
    """What the orders of a term need."""

    @property
    def venue(self) -> Venue:
        """Where they go."""
        ...

    @property
    def block_reason(self) -> str | None:
        """Why entries are blocked, None if they are not."""
        ...

    @property
    def account_note(self) -> str | None:
        """What the exchange has on the account that is not the bot's; None for nothing."""
        ...

    def purse(self, shard: int) -> Dollars | None:
        """The cash on a shard; None where it is not kept apart, or not known."""
        ...

    def unknown(self, ticker: str) -> str | None:
        """Why nobody can say what the account holds of a market; None if one can."""
        ...

    def foreign(self, ticker: str) -> str | None:
        """What other hands have in a market that is left to them; None for nothing."""
        ...

    async def owner(self) -> Owner | None:
        """Whose account it is; None on paper. May raise ExchangeError."""
        ...

    async def history(self) -> str | None:
        """What was traded on it before, in words; None for nothing. May raise ExchangeError."""
        ...

    async def cash(self) -> Dollars:
        """What the account holds; a new book begins with it. May raise ExchangeError."""
        ...

    async def begin(self, earlier: str | None) -> str | None:
        """Fence off the previous term, which left `handed_on`; returns what to leave for the next.

        None for nothing. It must be stored before the first order is sent. May raise ExchangeError.
        """
        ...

    def attach(self, bot: Bot, ledger: BookLedger, role_status: RoleStatus) -> None:
        """The bot that trades here, what is booked of it, and what operators want."""
        ...

    async def resume(self, at: datetime) -> None:
        """An operator resumed at that moment. May raise StoreError, LeaseLostError."""
        ...

    def hint(self) -> None:
        """Something may have happened to the account."""
        ...

    async def poll(self) -> None:
        """Do periodic work."""
        ...

    async def end(self) -> None:
        """End the term: cancel what rests, and wait until nothing of it can trade."""
        ...

    async def obey(self) -> None:
        """Do to the account what operators want. May raise StoreError, LeaseLostError."""
        ...


class PaperSource(BookSource, TradeSource, Protocol):
    """Order books and trades, as they are now."""


class PaperBackend:
    """Paper orders: no earlier term to fence off, no accounts to reconcile."""

    block_reason = None
    account_note = None

    def __init__(self, cash: Dollars, source: "PaperSource") -> None:
        """`source` is where the next book of a market comes from, and what traded before it."""
        self.venue = PaperVenue(partial(next_book, source), partial(next_update, source))
        self._cash = cash

    def purse(self, shard: int) -> Dollars | None:  # noqa: ARG002  # as asked of a back-end
        """One purse for all shards."""
        return None

    def unknown(self, ticker: str) -> str | None:  # noqa: ARG002  # as asked of a back-end
        """What is booked is all there is."""
        return None

    def foreign(self, ticker: str) -> str | None:  # noqa: ARG002  # as asked of a back-end
        """Nobody else trades a pretend account."""
        return None

    async def owner(self) -> Owner | None:
        """Nobody's."""
        return None

    async def history(self) -> str | None:
        return None

    async def cash(self) -> Dollars:
        """What the settings say."""
        return self._cash

    async def begin(self, earlier: str | None) -> str | None:  # noqa: ARG002  # the protocol's
        return None

    def attach(self, bot: Bot, ledger: BookLedger, role_status: RoleStatus) -> None:
        """It needs nothing of them."""

    async def resume(self, at: datetime) -> None:
        """Nothing waits for that."""

    def hint(self) -> None:
        """Nothing happens to pretend accounts but what the bot does."""

    async def poll(self) -> None:
        """Nothing to look after."""

    async def end(self) -> None:
        """What rests ends with the process."""

    async def obey(self) -> None:
        """Nothing but the bot moves a pretend account."""


async def next_book(books: BookSource, approved: Approved) -> SeenBook:
    """The book of an order's market as it is after the decision. Raises ExchangeError."""
    return await _book_now(books, approved.order.ticker)


async def next_update(source: PaperSource, ticker: str, since: float) -> MarketUpdate:
    """The book of a market as it is now, and what traded before it. Raises ExchangeError."""
    seen = await _book_now(source, ticker)
    traded = await traded_since(source, ticker, since, seen.seen_at)
    return MarketUpdate(seen.book, seen.seen_at, traded)


async def _book_now(books: BookSource, ticker: str) -> SeenBook:
    try:
        async with asyncio.timeout(NEXT_BOOK_WITHIN):
            answer = await books.books((ticker,))
    except TimeoutError:
        raise ExchangeError(f"nothing within {NEXT_BOOK_WITHIN:g} s") from None
    if ticker in answer.missing or not len(answer.books):
        raise ExchangeError(answer.missing.get(ticker, "the exchange sent none"))
    return SeenBook(float(answer.books.seen_at[0]), answer.books.book(0))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key by its id, and whether one that could move cash is trusted."""

    key_id: str = ""
    may_move_cash: bool = True


@dataclass(frozen=True, slots=True)
class LiveRules:
    """How long a market may differ that settles, how the venue waits, and what others may do.

    Other hands are respected, or stop entries.
    """

    settles: timedelta = EVERY
    venue: Waiting = field(default_factory=Waiting)
    respects_foreign: bool = False


@dataclass(frozen=True, slots=True)
class _LiveAccount:
    """The account that a bot trades, and how it is reconciled with the exchange's."""

    audit: Reconciliation
    cash: CashReconciliation
    requests: AccountRequestsTask
    markets: Callable[[], Mapping[str, Market]]

    @property
    def block_reason(self) -> str | None:
        return self.audit.block_reason or self.cash.block_reason


class LiveBackend:
    """Real orders of one account."""

    def __init__(
        self,
        trading: KalshiTrading,
        contracts: int,
        clock: Clock,
        rules: LiveRules | None = None,
        key: SigningKey | None = None,
    ) -> None:
        """So many contracts may be entered in 15 s."""
        rules = rules or LiveRules()
        self._trading = trading
        self._key = key or SigningKey()
        self._key_note: str | None = None
        self._key_due: datetime | None = None
        self.venue = LiveVenue(trading, Fence(trading, contracts), clock, self._shard, rules.venue)
        self._lifetime = rules.venue.lifetime
        self._clock = clock
        self._patience = rules.settles
        self._respects = rules.respects_foreign
        self._account: _LiveAccount | None = None

    @property
    def block_reason(self) -> str | None:
        """Why our accounts are not trusted."""
        return self._account.block_reason if self._account else "the term has not begun"

    @property
    def account_note(self) -> str | None:
        """Cash that differs, orders of other hands, and what is to be known of the key."""
        notes = (self._key_note, self._account.audit.note if self._account else None)
        return "; ".join(filter(None, notes)) or None

    def purse(self, shard: int) -> Dollars | None:
        """The cash on a shard as the exchange last said, less what was spent since."""
        return self._account.audit.purse(shard) if self._account else None

    def unknown(self, ticker: str) -> str | None:
        """What the exchange tells of its position cannot be read."""
        return self._account.audit.unknown(ticker) if self._account else None

    def foreign(self, ticker: str) -> str | None:
        """What other hands hold there, or an order of theirs."""
        return self._account.audit.foreign(ticker) if self._account else None

    async def owner(self) -> Owner | None:
        """The member and the key, as far as the exchange says."""
        return Owner(await self._trading.user_id() or "", self._key.key_id)

    async def history(self) -> str | None:
        """Orders that are listed, or positions."""
        account = await self.venue.account()
        traded = ["orders"] if await self._trading.user_id() else []
        number = len(account.positions) + account.unreadable.count
        held = [f"{number} positions"] if number else []
        return " and ".join([*traded, *held]) or None

    async def cash(self) -> Dollars:
        """The balance at the exchange."""
        return (await self.venue.account()).cash

    async def begin(self, earlier: str | None) -> str | None:
        """Stop the order groups of the term before, and begin those of this one.

        Raises ExchangeError for a key that must not be used, too.
        """
        if fault := await self._key_fault():
            raise ExchangeError(fault)
        return await self.venue.open_term(earlier)

    async def resume(self, at: datetime) -> None:
        """What was not explained of cash is accepted."""
        if self._account is not None:
            await self._account.cash.resume(at)

    def attach(self, bot: Bot, ledger: BookLedger, role_status: RoleStatus) -> None:
        """Reconcile its account with the exchange; its markets name their shards."""
        records = AccountRecords(self._trading)
        owners = OrderOwners(records, ledger.trades.orders) if self._respects else None
        foreign = self._foreign(bot, ledger, records, owners)
        cash = CashReconciliation(
            self._trading, bot.trader, ledger.cash, foreign.expected if foreign else None
        )
        planner = AdoptionPlanner(records, bot.trader, ledger.trades.booked, self._clock, owners)
        self._account = _LiveAccount(
            audit=self._reconciliation(bot, cash, foreign),
            cash=cash,
            requests=AccountRequestsTask(bot, planner, cash, role_status, self._clock),
            markets=bot.universe.watched,
        )

    def _foreign(
        self, bot: Bot, ledger: BookLedger, records: AccountRecords, owners: OrderOwners | None
    ) -> ForeignPositions | None:
        """What other hands hold, as it was when the term began; None if they are not respected."""

        def retain(record: StateRecord) -> None:
            bot.commits.add((), (record,))

        if owners is None:
            forget_foreign(ledger.checkpoint, retain)
            return None
        foreign = ForeignPositions(records, bot.trader, ledger.trades.uncovered, owners, retain)
        foreign.restore(ledger.checkpoint)
        return foreign

    def _reconciliation(
        self, bot: Bot, cash: CashReconciliation, foreign: ForeignPositions | None
    ) -> Reconciliation:
        beside = Beside(cash, self._trading, bot.audit, self._is_open, foreign)
        return Reconciliation(self.venue, bot.trader, self._clock, self._patience, beside)

    def hint(self) -> None:
        """Reconcile soon: something may have happened to the account."""
        if self._account is not None:
            self._account.audit.hint()

    async def poll(self) -> None:
        """Reconcile with the exchange."""
        if self._account is not None:
            await self._account.audit.poll()
        if self._key_due is not None and self._clock.now() >= self._key_due:
            await self._key_fault()

    async def end(self) -> None:
        """Stop the order groups of the term: that takes out what rests."""
        try:
            async with asyncio.timeout(ENDED_WITHIN):
                await self.venue.close_term()
        except (ExchangeError, TimeoutError) as error:
            rests = f"{self._lifetime.total_seconds():g} s"
            log.warning("Order groups not stopped: what rests runs out within %s: %s", rests, error)

    async def obey(self) -> None:
        """Adopt the account, or end lost orders, if operators want that."""
        if self._account is not None:
            differs = self._account.block_reason is not None
            await self._account.requests.poll(differs=differs)

    async def _key_fault(self) -> str | None:
        """Why the key must not be used; None if it may be, or nobody can say."""
        now = self._clock.now()
        self._key_due = now + KEY_EVERY
        try:
            rights = await self._trading.key_rights(self._key.key_id)
        except ExchangeError as error:
            # A term that does not begin for it would leave all positions to nobody.
            self._note_key(f"what the key may do is not known: {error}")
            return None
        fault = rights.fault(
            may_move_cash=self._key.may_move_cash, subaccount=self._trading.subaccount
        )
        self._note_key(fault or rights.note(now))
        return fault

    def _note_key(self, note: str | None) -> None:
        if note and note != self._key_note:
            log.warning("%s", note)
        self._key_note = note

    def _is_open(self, ticker: str) -> bool:
        market = self._market(ticker)
        return market is not None and market.is_open(self._clock.now())

    def _market(self, ticker: str) -> Market | None:
        return self._account.markets().get(ticker) if self._account else None

    def _shard(self, ticker: str) -> int | None:
        market = self._market(ticker)
        return None if market is None else market.exchange_index


def signer_of(settings: Settings, clock: Clock) -> Signer | None:
    """Who signs real orders; None on paper. Raises ValueError for a key that cannot sign."""
    return None if settings.bot_mode == "paper" else key_holder(settings, clock)


def key_holder(settings: Settings, clock: Clock) -> Signer | None:
    """Who signs with the key that is set; None without one. ValueError for one that cannot."""
    key, secret = settings.kalshi_api_key, settings.kalshi_secret
    if key is None or secret is None:
        return None
    return Signer(key.get_secret_value(), secret.get_secret_value(), clock)


@asynccontextmanager
async def opened(
    settings: Settings, clock: Clock, source: PaperSource
) -> AsyncIterator[ExecutionBackend]:
    """The back-end that the settings ask for. Raises ValueError for a key that cannot sign.

    `source` fills pretend orders.
    """
    signer = signer_of(settings, clock)
    if signer is None:
        yield PaperBackend(settings.paper_cash, source)
        return
    async with open_http(settings.base_url, outbound=settings.outbound) as http:
        reads = Calls(http, TokenBudget(stopwatch, SIGNED_READS), signer.headers, signer.heard)
        budget = TokenBudget(stopwatch, SIGNED_WRITES, reserve=FOR_EXITS)
        writes = Calls(http, budget, signer.headers, signer.heard)
        patience = max(timedelta(seconds=PASSES * settings.bot_interval), SETTLED_WITHIN)
        allowed = settings.is_loopback or "transfer" in settings.live_allow
        trading = await sized(KalshiTrading(reads, writes, settings.kalshi_subaccount))
        key = SigningKey(signer.key_id, allowed)
        waiting = Waiting(lifetime=lifetime(settings), now=signer.now)
        rules = LiveRules(patience, waiting, settings.foreign == "respect")
        yield LiveBackend(trading, _runaway(settings), clock, rules, key)


def lifetime(settings: Settings) -> timedelta:
    """How long a real order rests if nobody prolongs it: some cycles may fail before it goes."""
    return max(LIFETIME, timedelta(seconds=CYCLES * settings.bot_interval))


async def sized(trading: KalshiTrading) -> KalshiTrading:
    """The same, sending as much as its account may; as before if that is not told."""
    try:
        await trading.size_budgets()
    except ExchangeError as error:
        # What the lowest tier may is right for every account.
        log.warning("The rate limits of the account are not known: %s", error)
    return trading


def _runaway(settings: Settings) -> int:
    """Contracts in 15 seconds beyond which something must be wrong."""
    orders = settings.risk_max_orders_per_minute + settings.risk_max_positions
    busy = int(settings.bot_order_size * Decimal(orders) * RUNAWAY)
    return min(max(busy, 1), MOST_CONTRACTS)
