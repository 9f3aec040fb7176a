"""Out by hand: one position, or all of them. What is asked for stays asked for until it is done."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Path, Response

from api.deps import CurrentServices, Services, refuse_foreign_pages
from api.responses import json_response
from api.schemas.bot import Closing, Flattening
from api.schemas.common import ACTING, CONFLICT, INVALID, MISSING, answers
from bot.core.market.market import OVER
from bot.ports.views import MarketView

router = APIRouter(tags=["bot"], dependencies=[Depends(refuse_foreign_pages)])

Ticker = Annotated[str, Path(min_length=1, max_length=64, description="A market with a position")]

#: Seconds within which an answer may come to say that it is done.
DONE_WITHIN: Final = 5.0
_SOON: Final = "whoever leads sends an exit within seconds, and again until it is closed"
_PAID: Final = "its market is closed: it is paid when that is settled"


@router.post(
    "/positions/{ticker}/close",
    summary="Close one position",
    responses={**answers(Closing), **ACTING, **MISSING, **CONFLICT, **INVALID},
)
async def close(services: CurrentServices, ticker: Ticker) -> Response:
    """Sell what is held, or buy it back, at the next book and whatever the model says.

    It works while the bot is stopped or killed, on any process, and survives restarts: it is tried
    until nothing is left, or the market is closed. A position opened later is not meant.
    """
    held = _held(services).get(ticker)
    if held is None:
        raise HTTPException(404, f"No position in {ticker} is held: see /positions")
    if _is_over(held):
        raise HTTPException(409, f"{ticker} cannot be closed by an order: {_PAID}")
    await services.exits.close(ticker)
    await _until(services, lambda: ticker not in _held(services))
    left = _held(services).get(ticker)
    return json_response(
        Closing(
            status="closing" if left else "closed",
            ticker=ticker,
            position=held.position,
            left=left.position if left else 0.0,
            detail=_why(services, left) if left else "closed by hand",
        )
    )


@router.post(
    "/bot/flatten",
    summary="Close all positions, enter nothing",
    responses={**answers(Flattening), **ACTING},
)
async def flatten(services: CurrentServices) -> Response:
    """Close everything, as `/positions/{ticker}/close` does, and enter nothing until `/bot/resume`.

    `left` is what is still open and why. Resuming ends it: what is left then is held on.
    """
    await services.exits.flatten()
    await _until(services, lambda: not _closable(services))
    left = _held(services)
    return json_response(
        Flattening(
            status="flattening" if _closable(services) else "not_flat" if left else "flat",
            left={ticker: _why(services, one) for ticker, one in left.items()},
            entries="stopped until POST /bot/resume",
        )
    )


def _held(services: Services) -> dict[str, MarketView]:
    markets = services.snapshot_holder.snapshot.state.markets
    return {view.ticker: view for view in markets if view.position}


def _closable(services: Services) -> int:
    """How many positions are open that an order may close, also where no market is shown."""
    over = sum(map(_is_over, _held(services).values()))
    return services.snapshot_holder.snapshot.state.overview.open_positions - over


def _is_over(view: MarketView) -> bool:
    return view.status in OVER


def _why(services: Services, view: MarketView) -> str:
    """Why a position is still open."""
    if _is_over(view):
        return _PAID
    return services.snapshot_holder.status.closing.get(view.ticker, _SOON)


async def _until(services: Services, is_done: Callable[[], bool]) -> None:
    """Wait for it, but not for long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DONE_WITHIN):
            while not is_done():
                await services.snapshot_holder.newer()
