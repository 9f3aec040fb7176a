"""Estimators out of pickles. Importing this imports scikit-learn: a second, and 70 MB that stay."""

import pickle
import warnings
from typing import Any, Final

import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from threadpoolctl import ThreadpoolController

from bot.core.market.orderbook import Floats
from bot.model.estimator import Estimator

#: What unpickling raises for a file, and what it holds for its shape, if that is not a model.
NO_MODEL: Final = (
    *(pickle.UnpicklingError, InconsistentVersionWarning, ImportError, EOFError),
    *(AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError),
    *(MemoryError, RecursionError),
)


class Pickled:
    """A fitted classifier that trusts its caller, on one thread.

    What is scored here is known to be finite. The trees of a batch take a millisecond; a pool of
    threads that waits for its slowest takes up to half a second where the processor is busy.
    """

    def __init__(self, estimator: Estimator) -> None:
        """`estimator` is one of scikit-learn's, of two classes."""
        self._estimator = estimator
        # Finding the loaded libraries takes longer than scoring, so it is done once.
        self._threads = ThreadpoolController()

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        one_thread = self._threads.limit(limits=1, user_api="openmp")
        with one_thread, sklearn.config_context(assume_finite=True):
            return self._estimator.predict_proba(features)


def unpickled(content: bytes) -> dict[str, Any]:
    """The model in a pickle, which may run code. Raises one of `NO_MODEL` if it holds none.

    Each estimator comes with the slope of its log odds: `general`, and by name in `kinds`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        found = pickle.loads(content)
    kinds = {name: _trusting(*one) for name, one in found["kinds"].items()}
    return {**found, "general": _trusting(*found["general"]), "kinds": kinds}


def _trusting(estimator: Estimator, slope: float) -> tuple[Estimator, float]:
    return Pickled(estimator), float(slope)
