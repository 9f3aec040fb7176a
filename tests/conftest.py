"""What holds for all tests."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that others use, too.
settings.register_profile("unhurried", deadline=None)
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
