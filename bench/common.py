"""What every measurement needs: pairs in turn, medians, and a line about the machine."""

import logging
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over theirs: the median of the rounds, and the least and the most."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.least:.2f}, {self.most:.2f}]"


@dataclass(frozen=True, slots=True)
class Round(Generic[Measured]):
    """One measurement of each, taken right after one another."""

    ours: Measured
    theirs: Measured


def in_turn(
    ours: Callable[[], Measured], theirs: Callable[[], Measured], rounds: int
) -> list[Round[Measured]]:
    """So many rounds; who goes first changes each time, so that drift favours nobody."""
    measured = []
    for number in range(rounds):
        if number % 2:
            second, first = theirs(), ours()
        else:
            first, second = ours(), theirs()
        measured.append(Round(first, second))
    return measured


def ratio(rounds: Sequence[Round[float]]) -> Ratio:
    """How ours compares with theirs, round by round."""
    ratios = [one.ours / one.theirs for one in rounds]
    return Ratio(median(ratios), min(ratios), max(ratios))


def say(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def quiet() -> None:
    """Let the bot's own log lines go nowhere, so that the report stands alone."""
    logging.getLogger().addHandler(logging.NullHandler())


def machine() -> str:
    """Where this was measured, and how busy it was already."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, load {load:.1f}"
    )
