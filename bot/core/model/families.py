"""Kinds of markets: those that move alike share what a score is worth.

A model's card says which kinds it was trained on. A market of any other is judged by what held on
kinds that were left out of training. Tickers alone decide, for that is all a tape has.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PATTERNS: Final = (
    ("15-minute price", re.compile(r"KX[A-Z0-9]+15M")),
    ("index range", re.compile(r"(KX)?(INX|NASDAQ100)[A-Z]*")),
    ("basketball game", re.compile(r"KX(NBA|WNBA|NCAAMB|NCAAWB)GAME")),
)


def family_of(ticker: str) -> str:
    """The kind of market a ticker names: its series, or what several series have in common.

    >>> family_of("KXBTC15M-26MAY110515-15"), family_of("KXHIGHNY-25DEC15-B30.5")
    ('15-minute price', 'KXHIGHNY')
    """
    return _of_series(ticker.partition("-")[0])


def coded(tickers: Sequence[str], families: Iterable[str]) -> NDArray[np.intp]:
    """For each ticker the place of its kind among `families`, or −1; shape (N,)."""
    places = {name: place for place, name in enumerate(families)}
    # A tape names each market thousands of times.
    known = {ticker: places.get(family_of(ticker), -1) for ticker in dict.fromkeys(tickers)}
    return np.fromiter(map(known.__getitem__, tickers), np.intp, len(tickers))


# A cycle asks again for the same few series.
@lru_cache(maxsize=1_024)
def _of_series(series: str) -> str:
    return next((name for name, shape in _PATTERNS if shape.fullmatch(series)), series)
