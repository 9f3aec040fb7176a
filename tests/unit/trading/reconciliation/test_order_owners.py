"""Whose an order is: by the name it was given, and nobody's as long as that cannot be read."""

from bot.core.account.adoption import Owned
from bot.trading.reconciliation.order_owners import OrderOwners
from tests.support.strategies import NOON


class Listed:
    """An exchange that knows orders by both names, and how often it was asked for which."""

    def __init__(self, **names: str) -> None:
        self.names = names
        self.asked: list[set[str]] = []

    async def order_names(self, order_ids, since):
        self.asked.append(set(order_ids))
        return {name: self.names[name] for name in order_ids if name in self.names}


async def written_down(names):
    return names & {"7-1"}


async def test_an_order_is_ours_by_the_name_that_was_written_down():
    exchange = Listed(a="7-1", b="by hand", c="")
    owners = OrderOwners(exchange, written_down)

    owned = await owners.owned(frozenset("abcd"), NOON)

    assert owned == Owned(frozenset("a"), frozenset("bc"))
    assert [one in owned for one in "abcd"] == [True, True, True, False]


async def test_each_is_asked_about_until_it_is_known_and_not_again():
    exchange = Listed(a="7-1", b="by hand")
    owners = OrderOwners(exchange, written_down)
    await owners.owned(frozenset("abc"), NOON)
    exchange.names["c"] = "by hand"

    assert await owners.owned(frozenset("abc"), NOON) == Owned(frozenset("a"), frozenset("bc"))
    assert await owners.owned(frozenset("b"), NOON) == Owned(frozenset(), frozenset("b"))

    assert exchange.asked == [{"a", "b", "c"}, {"c"}]
