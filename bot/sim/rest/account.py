"""An account's cash and limits: balance, transfers between shards, token buckets."""

from typing import Final

from bot.sim.engine import errors
from bot.sim.engine.accounts import MovementRecord, TransferRecord
from bot.sim.rest.auth import READ, TRADE
from bot.sim.rest.body import Fields, required
from bot.sim.rest.paging import Key, page
from bot.sim.rest.render_portfolio import balance_json, movement_json, transfer_json
from bot.sim.rest.service import Answer, Call, Route, answer

TRANSFER_IDS: Final = "0005"
#: Micro-dollars in the unit of transfers, a hundredth of a cent.
_CENTICENT: Final = 100
_CENT: Final = 10_000
_MOVED: Final[Fields] = {
    "client_transfer_id": "string",
    "from_subaccount": "int",
    "to_subaccount": "int",
    "amount_cents": "int",
    "exchange_index": "int",
}
_TRANSFER: Final[Fields] = {
    "client_transfer_id": "string",
    "source": "string",
    "destination": "string",
    "amount": "int",
    "source_exchange_shard": "int",
    "destination_exchange_shard": "int",
    "source_subaccount": "int",
    "destination_subaccount": "int",
}


def balance(call: Call) -> Answer:
    """Cash and what the positions are worth."""
    shard = call.query.integer("exchange_index", 0, 100)
    return answer(balance_json(call.state, call.account, shard))


def deposits(call: Call) -> Answer:
    """Deposits, newest first."""
    return _movements(call, "deposits", 1)


def withdrawals(call: Call) -> Answer:
    """Withdrawals, newest first."""
    return _movements(call, "withdrawals", -1)


def _movements(call: Call, name: str, sign: int) -> Answer:
    found = [record for record in call.account.movements if record.amount * sign > 0]
    limit, cursor = call.query.limit(500, 100), call.query.text("cursor")
    shown, following = page(found, _movement_key, cursor, limit)
    listed = [movement_json(record) for record in shown]
    return answer({name: listed, "cursor": following})


def _movement_key(record: MovementRecord) -> Key:
    return (record.movement_id,)


def limits(call: Call) -> Answer:
    """The caller's token buckets."""
    tier, name = call.service.limiter.tier, call.service.limiter.tier_name
    grant = {"exchange_instance": "event_contract", "level": name, "source": "manual"}
    return answer(
        {
            "usage_tier": name,
            "read": {
                "refill_rate": tier.read,
                "bucket_capacity": tier.read * tier.read_burst,
            },
            "write": {
                "refill_rate": tier.write,
                "bucket_capacity": tier.write * tier.write_burst,
            },
            "grants": [] if name == "basic" else [grant],
        }
    )


def transfer(call: Call) -> Answer:
    """Move cash from one shard to another."""
    fields = call.fields("IntraExchangeInstanceTransferRequest", _TRANSFER)
    required(fields, "source", "destination", "amount")
    for side in ("source", "destination"):
        if fields[side] != "event_contract":
            raise errors.INVALID_PARAMETERS(f"{side} must be event_contract")
        if fields.get(f"{side}_subaccount"):
            raise errors.INVALID_PARAMETERS("use /portfolio/subaccounts/transfer between accounts")
    shards = [fields.get(f"{side}_exchange_shard", 0) for side in ("source", "destination")]
    if not all(0 <= shard < len(call.state.shards) for shard in shards):
        raise errors.INVALID_PARAMETERS("no such shard")
    if fields["amount"] <= 0:
        raise errors.INVALID_PARAMETERS("amount must be above 0")
    source, destination = shards
    call.exchange.transfer(call.account, source, destination, fields["amount"] * _CENTICENT)
    return answer({"transfer_id": call.state.ids.next(TRANSFER_IDS)})


def open_subaccount(call: Call) -> Answer:
    """Open the caller's next numbered subaccount."""
    return answer({"subaccount_number": call.exchange.open_subaccount(call.account).number}, 201)


def move(call: Call) -> Answer:
    """Move cash between accounts of the caller."""
    fields = call.fields("ApplySubaccountTransferRequest", _MOVED)
    required(fields, "client_transfer_id")
    source, to = (call.of_number(fields.get(f"{side}_subaccount")) for side in ("from", "to"))
    shard, cents = fields.get("exchange_index", 0), fields.get("amount_cents", 0)
    if source is to or cents <= 0 or not 0 <= shard < len(call.state.shards):
        raise errors.INVALID_PARAMETERS("needs two accounts, cents above 0 and a shard there is")
    call.exchange.move(source, to, shard, cents * _CENT)
    record = TransferRecord(
        transfer_id=call.state.ids.next(TRANSFER_IDS),
        source=source.number,
        to=to.number,
        cents=cents,
        shard=shard,
        at=call.exchange.now,
    )
    call.account.transfers.append(record)
    return answer({})


def moved(call: Call) -> Answer:
    """Transfers between accounts of the caller, newest first."""
    limit, cursor = call.query.limit(500, 100), call.query.text("cursor")
    shown, following = page(list(call.account.transfers), _transfer_key, cursor, limit)
    return answer({"transfers": [transfer_json(one) for one in shown], "cursor": following})


def _transfer_key(record: TransferRecord) -> Key:
    return (record.transfer_id,)


def api_keys(call: Call) -> Answer:
    """The keys of the caller's account."""
    keys = [key for key in call.service.keys.keys.values() if key.account == call.account.name]
    listed = [
        {"api_key_id": key.key_id, "name": "simulated", "scopes": sorted(key.scopes)}
        for key in keys
    ]
    return answer({"api_keys": listed})


_SUBACCOUNTS: Final = "/portfolio/subaccounts"
_MOVE: Final = "/portfolio/intra_exchange_instance_transfer"

ROUTES: Final = (
    Route("GET", "/portfolio/balance", "GetBalance", balance, "read::portfolio_balance"),
    Route("GET", "/portfolio/deposits", "GetDeposits", deposits, READ),
    Route("GET", "/portfolio/withdrawals", "GetWithdrawals", withdrawals, READ),
    Route("GET", "/account/limits", "GetAccountApiLimits", limits, READ),
    Route("GET", "/api_keys", "GetApiKeys", api_keys, READ),
    Route("POST", _SUBACCOUNTS, "CreateSubaccount", open_subaccount, TRADE),
    Route("POST", f"{_SUBACCOUNTS}/transfer", "ApplySubaccountTransfer", move, "write::transfer"),
    Route("GET", f"{_SUBACCOUNTS}/transfers", "GetSubaccountTransfers", moved, READ),
    Route("POST", _MOVE, "IntraExchangeInstanceTransfer", transfer, "write::transfer"),
)
