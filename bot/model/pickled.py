"""Estimators out of pickles. Importing this imports scikit-learn: a second, and 70 MB that stay."""

import pickle
import warnings
from typing import Any, Final

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from bot.core.market.orderbook import Floats
from bot.model.estimator import Estimator

#: What unpickling raises for a file, and what it holds for its shape, if that is not a model.
NO_MODEL: Final = (
    *(pickle.UnpicklingError, InconsistentVersionWarning, ImportError, EOFError),
    *(AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError),
    *(MemoryError, RecursionError),
)


class Pickled:
    """A fitted classifier that trusts its caller: what is scored here is known to be finite."""

    def __init__(self, estimator: Estimator) -> None:
        """`estimator` is one of scikit-learn's, of two classes."""
        self._estimator = estimator

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        with sklearn.config_context(assume_finite=True):
            return self._estimator.predict_proba(features)


def unpickled(content: bytes) -> dict[str, Any]:
    """The model in a pickle, which may run code. Raises one of `NO_MODEL` if it holds none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        found = pickle.loads(content)
    return {**found, "estimator": Pickled(found["estimator"])}
