"""Rows that come in pages: `/trades` and `/orders`, the newest first."""

from collections.abc import Mapping
from typing import Final

from bot.cli.remote.client import Answer, BotClient, Parameters

#: Rows of one page at most.
A_PAGE: Final = 500


async def rows(
    bot: BotClient, name: str, wanted: int | None, where: Mapping[str, str]
) -> list[Answer]:
    """So many rows of a route, or all. Raises CommandError."""
    found: list[Answer] = []
    cursor: str | None = None
    while wanted is None or len(found) < wanted:
        most = A_PAGE if wanted is None else min(A_PAGE, wanted - len(found))
        parameters: Parameters = {**where, "limit": most, **({"cursor": cursor} if cursor else {})}
        answer = await bot.get(f"/{name}", parameters)
        found += answer[name]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    return found
