"""Operations on order groups: create, read, trigger, delete."""

from bot.sim.engine import errors
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.groups import OrderGroup
from bot.sim.engine.state import ExchangeState
from bot.sim.engine.trading import Trading

GROUP_IDS = "0004"


class Groups:
    """The order groups of all accounts."""

    def __init__(self, state: ExchangeState, trading: Trading) -> None:
        self._state = state
        self._trading = trading

    def create(self, account: MemberAccount, limit: int, shard: int = 0) -> OrderGroup:
        """A new group that triggers once more than `limit` units match within 15 seconds."""
        group = OrderGroup(self._state.ids.next(GROUP_IDS), account.name, shard, limit)
        self._state.groups[group.group_id] = group
        return group

    def of(self, account: MemberAccount) -> list[OrderGroup]:
        """An account's groups, oldest first."""
        return [group for group in self._state.groups.values() if group.account == account.name]

    def one(self, account: MemberAccount, group_id: str) -> OrderGroup:
        """An account's group. Raises Rejected (404) if there is none of that name."""
        group = self._state.groups.get(group_id)
        if group is None or group.account != account.name:
            raise errors.NOT_FOUND(f"no order group {group_id}")
        return group

    def trigger(self, group: OrderGroup) -> None:
        """Cancel a group's orders and refuse new ones until it is reset."""
        self._trading.stop_group(group.group_id)
        self._state.feed.flush()

    def limit(self, group: OrderGroup, limit: int) -> None:
        """Set a group's limit; triggers it if what matched already exceeds that."""
        group.limit = limit
        if group.is_over(self._state.now):
            self.trigger(group)

    def delete(self, group: OrderGroup) -> None:
        """Cancel a group's orders and forget the group."""
        self.trigger(group)
        del self._state.groups[group.group_id]
