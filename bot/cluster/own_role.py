"""The role of this process as it stands: set by the election, read by status and by each order."""

from bot.cluster.held_lease import HeldLease
from bot.cluster.operator_flags import OperatorFlags
from bot.cluster.role import Role


class OwnRole:
    """What this process is now, and for how long it is certain of that.

    `is_ending` is set once the process leaves the election.
    """

    def __init__(self, lease: HeldLease, flags: OperatorFlags) -> None:
        self.role = Role()
        self.is_ending = False
        self.lease = lease
        self._flags = flags

    def sure(self) -> bool:
        """Whether this process leads beyond doubt, at this very moment."""
        return self.seconds_sure > 0

    @property
    def seconds_sure(self) -> float:
        """For how long it still leads beyond doubt if nothing is heard; 0 if it does not."""
        return self.lease.seconds_sure if self.role.leader else 0.0

    @property
    def stopping(self) -> bool:
        """Whether the loop is to end: operators stopped it, or this process ends."""
        return self.is_ending or not self._flags.runs
