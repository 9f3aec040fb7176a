"""How long without a finished cycle is too long, in seconds: the one place that says so.

All are cycles' worth of time with a floor, for at short intervals a slow answer is no fault.
"""


def fresh_for(interval: float) -> float:
    """How long a state or a book counts as fresh: two cycles."""
    return max(2.0 * interval, 10.0)


def hangs_after(interval: float) -> float:
    """From when on a loop may hang: three cycles without an end."""
    return max(3.0 * interval, 15.0)


def late_after(interval: float) -> float:
    """From when on somebody is to be called: the same, but five minutes at least."""
    return max(3.0 * interval, 300.0)
