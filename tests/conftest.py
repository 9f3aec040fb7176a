"""What holds for all tests."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that others use, too.
settings.register_profile("unhurried", deadline=None)
# What decides whether a change lands draws the same examples each time, so that it says something
# of the change. New ones are drawn by everybody's `make test`, and many by `make properties`.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile("unhurried")

#: The loggers that `logging_utils.configure` changes.
_CONFIGURED = (None, "uvicorn.access", "httpx")


@pytest.fixture(scope="module", autouse=True)
def _logging_of_a_module() -> Iterator[None]:
    yield from _logging_as_it_was()


@pytest.fixture(autouse=True)
def _logging_of_a_test() -> Iterator[None]:
    yield from _logging_as_it_was()


def _logging_as_it_was() -> Iterator[None]:
    """Who sets logging up leaves nothing of it to whoever comes after."""
    loggers = [logging.getLogger(name) for name in _CONFIGURED]
    before = [(one, one.level, list(one.handlers), list(one.filters)) for one in loggers]
    yield
    for one, level, handlers, filters in before:
        one.setLevel(level)
        one.handlers[:], one.filters[:] = handlers, filters
