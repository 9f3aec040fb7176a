"""Whether a pass over the listing is plausible: its counts against those of the pass before.

An exchange in trouble answers with a short listing as calmly as with a whole one. What shrinks
absurdly within minutes is doubted, and believed only if it stays so.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from bot.ports.exchange import Listed

#: The share that must be left of the open markets of the pass before, and of those with a volume.
LEAST_SHARE: Final = 0.5
#: Of the markets that are watched and open, the share that a pass may miss; one it always may.
MOST_UNSEEN: Final = 0.2
#: Passes in a row after which what they agree on is believed.
BELIEVED_AFTER: Final = 10


@dataclass(frozen=True, slots=True)
class Census:
    """Pages, open markets, those with any volume, and which of the ones known before it saw."""

    pages: int = 0
    open: int = 0
    traded: int = 0
    seen: frozenset[str] = frozenset()

    def after(self, page: Listed, known: Collection[str]) -> Self:
        """With one more page."""
        return replace(
            self,
            pages=self.pages + 1,
            open=self.open + len(page.tickers),
            traded=self.traded + int(np.count_nonzero(page.volume_24h)),
            seen=self.seen.union(ticker for ticker in page.tickers if ticker in known),
        )

    def implausibility(self, before: Self, watched: Collection[str]) -> str | None:
        """Why this cannot be true; None if it can. `watched` are known to be open, and for long."""
        if not self.open:
            return "the listing has no open market at all: it cannot be true"
        if self.open < LEAST_SHARE * before.open:
            return f"the listing shrank from {before.open} open markets to {self.open}"
        if self.traded < LEAST_SHARE * before.traded:
            return f"only {self.traded} listed markets have a volume, {before.traded} had one"
        unseen = sum(ticker not in self.seen for ticker in watched)
        if unseen > max(1.0, MOST_UNSEEN * len(watched)):
            return f"{unseen} of {len(watched)} watched markets are open and not listed"
        return None
