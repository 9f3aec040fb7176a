"""What scores a matrix, whatever it was made with."""

from typing import Protocol

from bot.core.market.orderbook import Floats


class Estimator(Protocol):
    """A fitted classifier of two classes, as scikit-learn has them."""

    def predict_proba(self, features: Floats, /) -> Floats:
        """Shape (N, 2): the second column is P(YES goes up)."""
        ...
