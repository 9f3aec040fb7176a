"""`/demo`: made-up events through the real log pipeline.

They go to the journal and nowhere else: no portfolio, no order, no whale statistics see them.
"""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.deps import CurrentFacts, CurrentServices, Services, refuse_foreign_pages
from api.responses import json_response
from api.schemas.common import FOREIGN, INVALID, answers
from api.schemas.service import DemoPnl, DemoSignal, DemoWhale
from bot.core.events import Action, Event, PnlMarked, SignalMade, WhaleSeen
from bot.core.market.money import ZERO, exact
from bot.core.whales.detector import SideBias, Whale, WhaleType

router = APIRouter(
    prefix="/demo",
    tags=["demo"],
    dependencies=[Depends(refuse_foreign_pages)],
    responses=FOREIGN,
)

#: The market of a demo that names none.
DEMO_MARKET = "DEMO-MARKET"
_MODEL = "demo"
_PRICE = Decimal("0.50")

Ticker = Annotated[
    str, Query(max_length=64, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$", examples=[DEMO_MARKET])
]
Prediction = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Cents = Annotated[float, Query(ge=0, le=100, allow_inf_nan=False, description="Cents")]
Size = Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Contracts")]
Strength = Annotated[float, Query(ge=0, le=0.5, allow_inf_nan=False)]


@router.post(
    "/signal", summary="Demo: test signal logging", responses={**answers(DemoSignal), **INVALID}
)
async def signal(
    services: CurrentServices,
    facts: CurrentFacts,
    ticker: Ticker = DEMO_MARKET,
    prediction: Prediction = 0.65,
    price: Cents = 50.0,
) -> Response:
    """Log a signal as if the model had predicted it for a market without a position."""
    action = _action(prediction, facts.enter_above, facts.enter_below)
    event = SignalMade(
        at=services.clock.now(),
        ticker=ticker or DEMO_MARKET,
        model_version=_MODEL,
        price=price / 100,
        score=prediction,
        feature_names=(),
        features=(),
        action=action,
        reason="demo",
        position_before=ZERO,
        position_after=ZERO,
    )
    _log(services, event)
    return json_response(
        DemoSignal(ticker=event.ticker, action=action.value, prediction=prediction)
    )


@router.post(
    "/whale", summary="Demo: test whale logging", responses={**answers(DemoWhale), **INVALID}
)
async def whale(
    services: CurrentServices,
    ticker: Ticker = DEMO_MARKET,
    max_bid_size: Size = 6000.0,
    max_ask_size: Size = 2000.0,
    imbalance_strength: Strength = 0.3,
) -> Response:
    """Log a whale, on the side of the larger size."""
    seen = _whale(ticker or DEMO_MARKET, max_bid_size, max_ask_size, imbalance_strength)
    logged = _log(services, WhaleSeen(services.clock.now(), seen))
    return json_response(DemoWhale(ticker=seen.ticker, logged=logged))


@router.post("/pnl", summary="Demo: test P&L logging", responses=answers(DemoPnl))
async def pnl(services: CurrentServices) -> Response:
    """Log a P&L row of zeros for the demo market: the account's own rows stay true."""
    event = PnlMarked(services.clock.now(), DEMO_MARKET, ZERO, ZERO, ZERO, ZERO, ZERO)
    return json_response(DemoPnl(logged=_log(services, event)))


def _log(services: Services, event: Event) -> bool:
    """Write it down at once; whether that worked."""
    services.journal.record([event])
    services.journal.flush()
    return services.journal.fault is None


def _action(prediction: float, enter_above: float, enter_below: float) -> Action:
    if prediction >= enter_above:
        return Action.ENTER_LONG
    return Action.ENTER_SHORT if prediction <= enter_below else Action.HOLD


def _whale(ticker: str, max_bid: float, max_ask: float, strength: float) -> Whale:
    is_bid = max_bid >= max_ask
    size = exact(max(max_bid, max_ask))
    bias = SideBias.BUY if is_bid else SideBias.SELL
    return Whale(
        ticker=ticker,
        type=WhaleType.LARGE_BID if is_bid else WhaleType.LARGE_ASK,
        size=size,
        price=_PRICE,
        notional=size * _PRICE,
        depth_share=0.0,
        imbalance_strength=strength,
        max_bid_size=max_bid,
        max_ask_size=max_ask,
        side_bias=None if max_bid == max_ask else bias,
        why="demo",
    )
