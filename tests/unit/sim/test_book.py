"""The book against a naive one: a list, searched anew for each order."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.money import ONE
from bot.sim.engine.book import Book, Verdict
from bot.sim.engine.orders import LiveOrder, OrderRequest, Reason, SelfTrade
from tests.support.sim_exchanges import START


@dataclass
class Diary:
    """A referee who trades whatever meets and writes it down."""

    trades: list[tuple[str, str, int, int]] = field(default_factory=list)
    ended: list[tuple[str, Reason]] = field(default_factory=list)
    levels: dict[tuple[Side, int], int] = field(default_factory=dict)
    broke: frozenset[str] = frozenset()

    def match(self, taker: LiveOrder, maker: LiveOrder, size: int) -> Verdict:
        if maker.account in self.broke:
            return Verdict.MAKER_SHORT
        if taker.account in self.broke:
            return Verdict.TAKER_SHORT
        self.trades.append((taker.order_id, maker.order_id, maker.price, size))
        taker.remaining -= size
        maker.remaining -= size
        return Verdict.TRADED

    def end(self, order: LiveOrder, reason: Reason) -> None:
        self.ended.append((order.order_id, reason))

    def level(self, order: LiveOrder, change: int) -> None:
        key = (order.side, order.price)
        self.levels[key] = self.levels.get(key, 0) + change
        if self.levels[key] == 0:
            del self.levels[key]


Entry = tuple[Side, int, int, str, SelfTrade]


def live(number: int, entry: Entry) -> LiveOrder:
    side, price, size, account, way = entry
    request = OrderRequest("M", side, size, price, self_trade=way)
    fees = OrderFees(FeeSchedule(FeeKind.QUADRATIC, ONE))
    return LiveOrder(
        order_id=f"{number:04d}",
        account=account,
        ticker="M",
        side=side,
        price=price,
        size=size,
        remaining=size,
        request=request,
        fees=fees,
        created=START,
        updated=START,
        client_order_id="",
        expiration=None,
    )


class NaiveBook:
    """The rules in their plainest form: sort everything that rests, for every order."""

    def __init__(self, broke: frozenset[str] = frozenset()) -> None:
        self.resting: list[LiveOrder] = []
        self.trades: list[tuple[str, str, int, int]] = []
        self.broke = broke

    def best(self, side: Side) -> LiveOrder | None:
        queue = [o for o in self.resting if o.side is side]
        return min(queue, key=lambda o: (-o.price * side.sign, self.resting.index(o)), default=None)

    def enter(self, order: LiveOrder) -> None:
        while order.remaining:
            maker = self.best(order.side.opposite)
            if maker is None or (order.price - maker.price) * order.side.sign < 0:
                break
            if maker.account == order.account:
                if order.request.self_trade is SelfTrade.TAKER:
                    return
                self.resting.remove(maker)
            elif maker.account in self.broke:
                self.resting.remove(maker)
            elif order.account in self.broke:
                return
            else:
                size = min(order.remaining, maker.remaining)
                self.trades.append((order.order_id, maker.order_id, maker.price, size))
                order.remaining -= size
                maker.remaining -= size
                self.resting = [o for o in self.resting if o.remaining]
        if order.remaining:
            self.resting.append(order)


entries = st.tuples(
    st.sampled_from(Side),
    st.integers(45, 55).map(lambda cents: cents * 100),
    st.integers(1, 500),
    st.sampled_from(["ann", "bob", "cat"]),
    st.sampled_from(SelfTrade),
)
acts = st.lists(
    st.tuples(st.just("enter"), entries)
    | st.tuples(st.sampled_from(["remove", "shrink"]), st.integers(0, 30)),
    max_size=40,
)


@given(acts, st.sampled_from([frozenset(), frozenset({"cat"})]))
def test_the_book_does_what_the_plainest_rules_say(acts, broke):
    diary = Diary(broke=broke)
    book, naive = Book(diary), NaiveBook(broke)
    for number, (act, what) in enumerate(acts):
        if act == "enter":
            taker = live(number, what)
            if book.match(taker) is None and taker.remaining:
                book.rest(taker)
            naive.enter(live(number, what))
        elif naive.resting:
            change(book, naive, act, what)

        assert diary.trades == naive.trades
        assert sorted(o.order_id for o in book.orders()) == sorted(
            o.order_id for o in naive.resting
        )
        assert_levels(book, naive, diary)


def change(book: Book, naive: NaiveBook, act: str, what: int) -> None:
    twin = naive.resting[what % len(naive.resting)]
    (order,) = [o for o in book.orders() if o.order_id == twin.order_id]
    if act == "remove":
        book.remove(order)
        naive.resting.remove(twin)
    elif order.remaining > 1:
        book.shrink(order, order.remaining // 2)
        twin.remaining //= 2


def assert_levels(book: Book, naive: NaiveBook, diary: Diary) -> None:
    reported: dict[tuple[Side, int], int] = {}
    for side in Side:
        levels = book.levels(side)
        assert levels == sorted(levels, key=lambda level: -level[0] * side.sign)
        assert book.levels(side, 2) == levels[:2]
        reported |= {(side, price): size for price, size in levels}
        for price, size in levels:
            assert size == book.size_at(side, price)
            assert size == sum(
                o.remaining for o in naive.resting if (o.side, o.price) == (side, price)
            )
    # What the tape told of changes adds up to the book as it stands.
    assert reported == diary.levels
    assert book.best_bid < book.best_ask


def test_an_empty_book_reads_as_0_and_a_dollar():
    book = Book(Diary())

    assert (book.best_bid, book.bid_size) == (0, 0)
    assert (book.best_ask, book.ask_size) == (10_000, 0)


def test_the_queue_before_an_order_counts_better_prices_and_older_orders():
    book = Book(Diary())
    orders = [
        live(1, (Side.BUY, 5_000, 10, "ann", SelfTrade.MAKER)),
        live(2, (Side.BUY, 5_100, 20, "bob", SelfTrade.MAKER)),
        live(3, (Side.BUY, 4_900, 40, "bob", SelfTrade.MAKER)),
        live(4, (Side.BUY, 5_000, 80, "cat", SelfTrade.MAKER)),
    ]
    for order in orders:
        book.rest(order)

    assert [book.ahead(order) for order in orders] == [20, 0, 110, 30]
