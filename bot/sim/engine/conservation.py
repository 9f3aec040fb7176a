"""Random operations on an exchange: no contract and no dollar is ever lost.

`python -m bot.sim.engine.conservation --operations 1000000` checks, again and again on the way,
that
positions add up to nothing in every market, that open interest is what the longs hold, that no
member owes cash, that no book is crossed, and that all money is what was brought in.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from bot.core.market.fees import FeeKind
from bot.core.market.market import CENT_GRID, MarketStatus, Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.errors import Rejected
from bot.sim.engine.exchange import Exchange, total_money
from bot.sim.engine.orders import Amendment, LiveOrder, OrderRequest, SelfTrade, TimeInForce
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec, grid_of
from bot.sim.engine.units import CONTRACT, DOLLAR

START = datetime(2026, 11, 23, tzinfo=UTC)
_MEMBER_DOLLARS = 2_000
_TAPERED = grid_of(("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001"))
_OPERATIONS = ("place",) * 12 + ("cancel",) * 5 + ("amend", "amend", "decrease", "group", "life")


class Chaos:
    """An exchange whose members and house accounts act at random, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.exchange = Exchange(seed, START)
        self.refused = 0
        self.done = 0
        self._listed = 0
        for index, kind in enumerate((FeeKind.QUADRATIC, FeeKind.WITH_MAKER_FEES)):
            self.exchange.add_series(
                SeriesSpec(f"S{index}", "Chaos", "Test", fee_kind=kind, exchange_index=2 * index)
            )
            self.exchange.add_event(EventSpec(f"E{index}", f"S{index}", "Chaos"))
        self._tickers = [self._list() for _ in range(6)]
        self._accounts = [self._open(index) for index in range(8)]
        self.brought_in = total_money(self.exchange)

    def step(self) -> None:
        """One random operation; refusals count as done."""
        self.done += 1
        account = self._random.choice(self._accounts)
        operation = self._random.choice(_OPERATIONS)
        try:
            getattr(self, f"_{operation}")(account)
        except Rejected:
            self.refused += 1
        if self._random.random() < 0.2:
            self._wait()

    def faults(self) -> list[str]:
        """Everything that does not add up; empty if nothing."""
        state = self.exchange.state
        found = []
        for ticker, market in state.markets.items():
            sizes = [account.position(ticker) for account in state.accounts.values()]
            if sum(sizes) != 0:
                found.append(f"{ticker}: positions add up to {sum(sizes)}")
            if sum(size for size in sizes if size > 0) != market.open_interest:
                found.append(f"{ticker}: open interest {market.open_interest} is not the longs'")
            if market.book.best_bid >= market.book.best_ask:
                found.append(f"{ticker}: crossed at {market.book.best_bid}")
        found += [
            f"{account.name} owes cash: {account.cash}"
            for account in state.accounts.values()
            if not account.is_house and min(account.cash.values()) < 0
        ]
        if total_money(self.exchange) != self.brought_in:
            found.append(f"money is {total_money(self.exchange)}, not {self.brought_in}")
        return found

    def _open(self, index: int) -> MemberAccount:
        is_house = index >= 5
        cash = {} if is_house else {0: _MEMBER_DOLLARS * DOLLAR, 2: _MEMBER_DOLLARS * DOLLAR}
        return self.exchange.open_account(f"account{index}", cash, house=is_house)

    def _list(self) -> str:
        self._listed += 1
        now = self.exchange.now
        hours = self._random.randrange(1, 48)
        spec = MarketSpec(
            f"M{self._listed}",
            f"E{self._listed % 2}",
            "Chaos",
            open_time=now,
            close_time=now + timedelta(hours=hours),
            settlement_timer_seconds=60,
            grid=_TAPERED if self._listed % 3 == 0 else CENT_GRID,
        )
        self.exchange.add_market(spec)
        return spec.ticker

    def _terms(self, ticker: str) -> tuple[Side, int, int]:
        chance = self._random
        side = chance.choice((Side.BUY, Side.SELL))
        allowed = self.exchange.market(ticker).spec.grid is _TAPERED
        step = 10 if allowed and chance.random() < 0.2 else 100
        price = round(chance.gauss(5_000, 1_500) / step) * step
        whole = chance.random() < 0.7
        size = chance.randrange(1, 60) * (CONTRACT if whole else 1)
        return side, size, price

    def _wait(self) -> None:
        pause = timedelta(milliseconds=self._random.randrange(2_000))
        self.exchange.advance(self.exchange.now + pause)

    def _place(self, account: MemberAccount) -> None:
        chance = self._random
        ticker = chance.choice(self._tickers)
        side, size, price = self._terms(ticker)
        kind = chance.choice((TimeInForce.GTC,) * 6 + (TimeInForce.IOC, TimeInForce.FOK))
        waits = kind is TimeInForce.GTC
        lifetime = timedelta(seconds=chance.randrange(1, 600))
        expires = waits and chance.random() < 0.2
        self.exchange.place(
            account,
            OrderRequest(
                ticker=ticker,
                side=side,
                size=size,
                price=price,
                time_in_force=kind,
                self_trade=chance.choice((SelfTrade.TAKER, SelfTrade.MAKER)),
                post_only=waits and chance.random() < 0.2,
                reduce_only=kind is TimeInForce.IOC and chance.random() < 0.3,
                expiration=self.exchange.now + lifetime if expires else None,
                cancel_on_pause=chance.random() < 0.1,
            ),
        )

    def _any_order(self, account: MemberAccount) -> LiveOrder | None:
        resting = list(account.open_orders.values())
        return self._random.choice(resting) if resting else None

    def _cancel(self, account: MemberAccount) -> None:
        order = self._any_order(account)
        if order is not None:
            self.exchange.cancel(account, order.order_id)

    def _amend(self, account: MemberAccount) -> None:
        order = self._any_order(account)
        if order is not None:
            _, size, price = self._terms(order.ticker)
            same_price = self._random.random() < 0.5
            terms = Amendment(price=order.price if same_price else price, size=size)
            self.exchange.amend(account, order.order_id, terms)

    def _decrease(self, account: MemberAccount) -> None:
        order = self._any_order(account)
        if order is not None:
            less = self._random.randrange(order.remaining + 1)
            self.exchange.decrease(account, order.order_id, by=less)

    def _group(self, account: MemberAccount) -> None:
        if account.is_house or self._random.random() < 0.9:
            return
        group = self.exchange.groups.create(account, 20 * CONTRACT)
        side, size, price = self._terms(self._tickers[0])
        request = OrderRequest(self._tickers[0], side, size, price, group_id=group.group_id)
        self.exchange.place(account, request)

    def _life(self, _account: MemberAccount) -> None:
        chance = self._random
        slot = chance.randrange(len(self._tickers))
        ticker = self._tickers[slot]
        market = self.exchange.market(ticker)
        match market.status:
            case MarketStatus.ACTIVE if chance.random() < 0.01:
                self.exchange.deactivate(ticker)
            case MarketStatus.ACTIVE if chance.random() < 0.005:
                self.exchange.set_close_time(ticker, self.exchange.now)
            case MarketStatus.INACTIVE:
                self.exchange.activate(ticker)
            case MarketStatus.CLOSED:
                result = chance.choice(("yes", "no", "scalar"))
                self.exchange.determine(ticker, result, chance.randrange(10_001))
            case MarketStatus.FINALIZED:
                self._tickers[slot] = self._list()
            case _ if chance.random() < 0.01:
                self.exchange.pause_trading(True)
                self.exchange.pause_trading(False)


def run(operations: int, seed: int, every: int) -> Chaos:
    """So many random operations. Raises ValueError with what does not add up, if anything."""
    chaos = Chaos(seed)
    for number in range(1, operations + 1):
        chaos.step()
        if number % every == 0 or number == operations:
            faults = chaos.faults()
            if faults:
                raise ValueError(f"seed {seed}, after {number} operations: {'; '.join(faults)}")
    return chaos


def main(argv: Sequence[str] | None = None) -> int:
    """Run and report in one line; 0 if everything adds up."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.sim.engine.conservation", description=__doc__
    )
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=100, help="operations between two checks")
    arguments = parser.parse_args(argv)
    chaos = run(arguments.operations, arguments.seed, arguments.every)
    state = chaos.exchange.state
    sys.stdout.write(
        f"{chaos.done} operations, {chaos.refused} refused, {len(state.markets)} markets, "
        f"fees ${state.fee_pot / DOLLAR:.4f}: contracts and dollars conserved\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
