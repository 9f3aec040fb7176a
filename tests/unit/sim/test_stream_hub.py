"""How events find their readers."""

from dataclasses import dataclass, field

from bot.sim.stream.channels import BOOK, CHANNELS, TICKER, TRADE
from bot.sim.stream.hub import Hub, StreamListeners
from tests.support.sim_exchanges import MARKET, buy, exchange_with, member, sell


@dataclass(eq=False)
class Listener:
    """A reader that keeps what it is given."""

    account: str = ""
    is_yes_priced: bool = False
    contents: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    def deliver(self, content: str) -> None:
        self.contents.append(content)

    def wake(self, ticker: str) -> None:
        self.touched.append(ticker)


def test_an_event_is_put_into_words_once_for_all_who_listen():
    exchange = exchange_with()
    hub = Hub(exchange)
    listeners = [Listener() for _ in range(3)]
    for name in (BOOK, TRADE):
        for one in listeners:
            hub.audiences[name].join(one, [MARKET])
    sell(exchange, member(exchange, "ann"), 5, 40)
    buy(exchange, member(exchange, "bob"), 5, 40)

    first, *others = (one.contents for one in listeners)
    assert len(first) == 3
    for other in others:
        assert all(a is b for a, b in zip(first, other, strict=True))


def test_who_listens_to_nothing_is_told_nothing():
    exchange = exchange_with()
    hub, listener = Hub(exchange), Listener()
    for name in CHANNELS:
        hub.audiences[name].join(listener, ["KXELSE"])
    sell(exchange, member(exchange, "ann"), 5, 40)

    assert listener.contents == listener.touched == []


def test_a_house_order_has_no_owner_to_be_told():
    exchange = exchange_with()
    hub, listener = Hub(exchange), Listener(account="house")
    hub.audiences[BOOK].join(listener, [MARKET])
    buy(exchange, exchange.open_account("house", house=True), 5, 40, client_order_id="own")

    assert "own" not in listener.contents[0]


def test_quotes_and_trades_and_lives_touch_the_ticker():
    exchange = exchange_with()
    hub, listener = Hub(exchange), Listener()
    hub.audiences[TICKER].join(listener, None)
    buy(exchange, member(exchange, "ann"), 5, 40)
    exchange.deactivate(MARKET)

    assert listener.touched == [MARKET, MARKET]


def test_an_audience_forgets_who_leaves():
    audience, one, two = StreamListeners(), Listener(), Listener()
    audience.join(one, ["A", "B"])
    audience.join(two, ["A"])
    audience.join(two, None)
    audience.leave(one, ["A", "C"])
    before = audience.of("A"), audience.of("B"), audience.of("C")
    audience.leave(two, ["A"])
    audience.leave(two, None)
    audience.leave(one, ["B"])

    assert before == ((two, two), (one, two), (two,))
    assert audience.of("A") == audience.of("B") == ()
