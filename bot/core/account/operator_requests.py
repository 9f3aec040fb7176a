"""What operators want done to the account itself: adopt what the exchange holds, end lost orders.

Leaves out who keeps that (`cluster.operator_flags`) and how it is booked
(`trading.reconciliation.adoption`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccountRequests:
    """When operators asked for the `adoption` of the account, and said what became of lost orders.

    `traded` and `never` are by client order id.
    """

    adoption: datetime | None = None
    traded: Mapping[str, datetime] = field(default_factory=dict)
    never: Mapping[str, datetime] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.adoption is not None or bool(self.traded or self.never)


#: Nobody wants anything.
NOTHING = AccountRequests()


def nothing() -> AccountRequests:
    """What nobody who is asked ever wants."""
    return NOTHING
