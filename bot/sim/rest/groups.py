"""Order groups over HTTP."""

from typing import Any, Final

from bot.sim.engine import errors
from bot.sim.engine.groups import OrderGroup
from bot.sim.engine.units import CONTRACT, size_text
from bot.sim.rest.auth import READ, TRADE
from bot.sim.rest.body import Fields
from bot.sim.rest.order_body import size_of
from bot.sim.rest.service import Answer, Call, Route, answer

_LIMIT: Final[Fields] = {"contracts_limit": "int", "contracts_limit_fp": "string"}
_CREATE: Final[Fields] = {**_LIMIT, "subaccount": "int", "exchange_index": "int"}
_DONE: Final = Answer(200, b"{}")


def create(call: Call) -> Answer:
    fields = call.fields("CreateOrderGroupRequest", _CREATE)
    account = call.of_number(fields.get("subaccount"))
    shard = fields.get("exchange_index", 0)
    if not 0 <= shard < len(call.state.shards):
        raise errors.INVALID_PARAMETERS(f"no shard {shard}")
    group = call.exchange.groups.create(account, _limit(fields), shard)
    name = {"order_group_id": group.group_id, "subaccount": account.number}
    body = {**name, "exchange_index": shard}
    return answer(body, 201)


def groups(call: Call) -> Answer:
    """All groups of the caller."""
    own = [group for one in call.accounts for group in call.exchange.groups.of(one)]
    return answer({"order_groups": [{"id": g.group_id, **_described(g)} for g in own]})


def one(call: Call) -> Answer:
    """One group and the orders in it."""
    group = _group(call)
    return answer({**_described(group), "orders": list(group.order_ids)})


def delete(call: Call) -> Answer:
    """Cancel a group's orders and forget it."""
    call.exchange.groups.delete(_group(call))
    return _DONE


def reset(call: Call) -> Answer:
    """Reset the count and accept orders again."""
    _group(call).reset()
    return _DONE


def trigger(call: Call) -> Answer:
    """Cancel a group's orders and refuse new ones until it is reset."""
    call.exchange.groups.trigger(_group(call))
    return _DONE


def limit(call: Call) -> Answer:
    """Set a group's limit."""
    group = _group(call)
    fields = call.fields("UpdateOrderGroupLimitRequest", _LIMIT)
    call.exchange.groups.limit(group, _limit(fields))
    return _DONE


def _group(call: Call) -> OrderGroup:
    return call.exchange.groups.one(call.account, call.path["order_group_id"])


def _limit(fields: dict[str, Any]) -> int:
    """The limit in units, given in whole contracts, as a string, or as both if they agree."""
    whole, text = fields.get("contracts_limit"), fields.get("contracts_limit_fp")
    said: set[int] = {whole * CONTRACT} if whole is not None else set()
    if text is not None:
        said.add(size_of(text))
    if len(said) != 1 or min(said) <= 0:
        raise errors.INVALID_PARAMETERS("one contracts_limit above 0 is needed")
    return said.pop()


def _described(group: OrderGroup) -> dict[str, Any]:
    return {
        "is_auto_cancel_enabled": True,
        "contracts_limit_fp": size_text(group.limit),
        "exchange_index": group.shard,
    }


_ALL: Final = "/portfolio/order_groups"
_ONE: Final = f"{_ALL}/{{order_group_id}}"

ROUTES: Final = (
    Route("GET", _ALL, "GetOrderGroups", groups, READ),
    Route("POST", f"{_ALL}/create", "CreateOrderGroup", create, TRADE),
    Route("GET", _ONE, "GetOrderGroup", one, READ),
    Route("DELETE", _ONE, "DeleteOrderGroup", delete, TRADE),
    Route("PUT", f"{_ONE}/reset", "ResetOrderGroup", reset, TRADE),
    Route("PUT", f"{_ONE}/trigger", "TriggerOrderGroup", trigger, TRADE),
    Route("PUT", f"{_ONE}/limit", "UpdateOrderGroupLimit", limit, TRADE),
)
