"""The role of this process among those that share a database."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Status = TypeVar("Status", bound=DataclassInstance)


@dataclass(frozen=True, slots=True)
class Role:
    """The role of this process, and what is wrong with it.

    `leads` names the leader of the term `epoch`, None if there is none or it is not known. `killed`
    is why nothing is entered, `killed_until` what lifts that; `store_fault` why nothing can be
    kept, `disk_low` which of its disks are filling up, `odd_entries` what it could not read of the
    exchange's answers.
    """

    leader: bool = False
    leads: str | None = None
    epoch: int | None = None
    killed: str | None = None
    killed_until: str | None = None
    store_fault: str | None = None
    disk_low: str | None = None
    odd_entries: str | None = None

    def on(self, status: "Status") -> "Status":
        """A status with this role in it."""
        return replace(status, **{one.name: getattr(self, one.name) for one in fields(self)})
