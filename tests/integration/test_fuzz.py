"""A slice of `make fuzz`: whatever the exchange answers is a value or an ExchangeError."""

from trials.fuzz import fuzz
from trials.fuzz_questions import QUESTIONS


def test_any_answer_is_a_value_or_an_error_of_the_exchange_in_one_bounded_line():
    tally = fuzz(800, is_random=False)

    assert tally.by_question.keys() == QUESTIONS.keys()
    assert tally.values
    assert tally.errors
