import stat
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import KeyKind, made_key, write_key_file
from bot.sim.rest.limits import RateLimiter
from tests.support.sim_exchanges import MARKET, START, exchange_with, member
from tests.support.sim_served import FixedClock, client
from tests.support.sim_signing import Signer, signing


async def balance(
    auth: Signer | None = None, keys: KeyRing | None = None, **options: Any
) -> httpx.Response:
    exchange = exchange_with()
    member(exchange)
    async with client(exchange, keys=keys, **options) as http:
        return await http.get("/portfolio/balance", auth=auth)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()["error"]
    return answer.status_code, body["code"], body.get("details", "")


@pytest.mark.parametrize("kind", KeyKind)
async def test_both_kinds_of_key_open_the_portfolio(kind):
    keys, signer = signing("ann", kind)

    assert (await balance(signer, keys)).json()["balance_dollars"] == "1000.0000"


async def test_the_query_is_no_part_of_what_is_signed():
    keys, signer = signing("ann")
    exchange = exchange_with()
    member(exchange)
    async with client(exchange, keys=keys) as http:
        answer = await http.get("/portfolio/orders", params={"limit": 5}, auth=signer)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {
                "KALSHI-ACCESS-KEY": None,
                "KALSHI-ACCESS-SIGNATURE": None,
                "KALSHI-ACCESS-TIMESTAMP": None,
            },
            (401, "token_authentication_failure", ""),
        ),
        ({"KALSHI-ACCESS-SIGNATURE": None}, (401, "signature_is_missing_from_headers", "")),
        ({"KALSHI-ACCESS-TIMESTAMP": None}, (401, "header_timestamp_expired", "")),
        ({"KALSHI-ACCESS-TIMESTAMP": "soon"}, (401, "header_timestamp_expired", "")),
        ({"KALSHI-ACCESS-KEY": "other"}, (401, "authentication_error", "NOT_FOUND")),
        (
            {"KALSHI-ACCESS-SIGNATURE": "AAAA"},
            (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        ),
        (
            {"KALSHI-ACCESS-SIGNATURE": "no base64"},
            (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        ),
        (
            {"KALSHI-ACCESS-TIMESTAMP": str(int(START.timestamp() * 1000) + 1)},
            (401, "authentication_error", "INCORRECT_API_KEY_SIGNATURE"),
        ),
    ],
)
@pytest.mark.parametrize("kind", KeyKind)
async def test_each_way_to_sign_wrongly_gets_its_own_refusal(kind, change, expected):
    keys, signer = signing("ann", kind, change=change)

    assert error(await balance(signer, keys)) == expected


@pytest.mark.parametrize(("seconds", "status"), [(-31, 401), (-29, 200), (29, 200), (31, 401)])
async def test_a_clock_may_be_off_by_half_a_minute(seconds, status):
    keys, signer = signing("ann", at=START + timedelta(seconds=seconds))

    assert (await balance(signer, keys)).status_code == status


async def test_the_signature_is_judged_by_the_clock_of_the_server_not_of_the_exchange():
    later = START + timedelta(days=9)
    keys, signer = signing("ann", at=later)

    assert (await balance(signer, keys, clock=FixedClock(later))).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "read", "trade"),
    [
        ({"read"}, 200, 403),
        ({"write"}, 403, 204),
        ({"write::trade"}, 403, 204),
        ({"read", "write::trade"}, 200, 204),
        ({"read::portfolio_balance"}, 200, 403),
        (set(), 403, 403),
    ],
)
async def test_a_key_does_what_its_scopes_allow(scopes, read, trade):
    keys, signer = signing("ann", scopes=frozenset(scopes))
    exchange = exchange_with()
    member(exchange)
    async with client(exchange, keys=keys) as http:
        reads = await http.get("/portfolio/balance", auth=signer)
        trades = await http.delete("/portfolio/events/orders", auth=signer)

    assert (reads.status_code, trades.status_code) == (read, trade)


async def test_public_reads_need_no_signature_and_ignore_a_wrong_one():
    answer = await balance()
    exchange = exchange_with()
    async with client(exchange) as http:
        book = await http.get(
            f"/markets/{MARKET}/orderbook", headers={"KALSHI-ACCESS-KEY": "rubbish"}
        )

    assert (answer.status_code, book.status_code) == (401, 200)


def test_the_key_file_is_its_owners_alone_and_replaces_an_older_one(tmp_path):
    path = tmp_path / "key.json"
    path.write_text("old")
    path.chmod(0o644)
    key, pem = made_key("ann")

    write_key_file(path, key.key_id, pem)

    written = orjson.loads(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert written["key_id"] == key.key_id
    Signer(key, written["private_key"])
    assert written["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")


def statuses(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


async def calls(
    limiter: RateLimiter, paths: list[str], *, auth: bool = True, **options: Any
) -> list[httpx.Response]:
    method, body = options.pop("method", "GET"), options.pop("body", None)
    exchange = exchange_with()
    member(exchange)
    keys, signer = signing("ann")
    async with client(exchange, keys=keys, limiter=limiter, **options) as http:
        return [
            await http.request(method, path, auth=signer if auth else None, json=body)
            for path in paths
        ]


async def test_the_basic_tier_reads_sixty_times_at_once_and_then_waits():
    answers = await calls(RateLimiter("basic"), ["/portfolio/orders"] * 61)

    assert statuses(answers) == [200] * 60 + [429]
    assert answers[-1].json() == {
        "error": {"code": "too_many_requests", "message": "too many requests"}
    }
    assert "retry-after" not in answers[-1].headers


async def test_the_documented_body_of_429_can_be_had_too():
    limiter = RateLimiter("basic", body="plain")

    answers = await calls(limiter, ["/portfolio/balance"] * 2)

    assert answers[-1].json() == {"error": "too many requests"}


async def test_cancels_are_five_times_cheaper_than_orders():
    answers = await calls(RateLimiter("basic"), ["/portfolio/events/orders"] * 51, method="DELETE")

    assert statuses(answers) == [204] * 50 + [429]


async def test_a_batch_costs_as_much_as_its_orders():
    batch = {"orders": [{"order_id": "x"}] * 26}

    answers = await calls(
        RateLimiter("basic"),
        ["/portfolio/events/orders/batched"] * 2,
        method="DELETE",
        body=batch,
    )

    assert statuses(answers) == [200, 429]


async def test_the_balance_has_a_bucket_of_its_own():
    answers = await calls(RateLimiter("basic"), ["/portfolio/balance"] * 2 + ["/portfolio/orders"])

    assert statuses(answers) == [200, 429, 200]


async def test_buckets_fill_again_with_time():
    limiter, clock = RateLimiter("expert"), FixedClock()
    first = await calls(limiter, ["/portfolio/orders"] * 61, clock=clock)
    clock.at += timedelta(seconds=0.5)
    second = await calls(limiter, ["/portfolio/orders"], clock=clock, auth=True)

    assert statuses(first)[-1] == 429
    # The signer's stamp is half a second old by now, which is no matter.
    assert statuses(second) == [200]


@pytest.mark.parametrize(("public", "last"), [(False, 200), (True, 429)])
async def test_public_reads_are_limited_only_when_asked_for(public, last):
    limiter = RateLimiter("basic", public=public)

    answers = await calls(limiter, ["/exchange/status"] * 61, auth=False)

    assert answers[-1].status_code == last


def test_an_unknown_tier_is_refused():
    with pytest.raises(KeyError):
        RateLimiter("gold")
