"""Who an environment is: time stamps, SHA-1 and name.

An identity is made once and never changes. With version control the SHA-1 is that of the
commit the code is in, whether the environment made it or found it; names stay distinct by
their time, and by their first seven digits where nothing is under version control.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from pypet.version import __version__
from pypet_trajectory.runs.table import format_time
from pypet_trajectory.trajectory import lifecycle


@dataclass(frozen=True)
class Moment:
    """When an environment came to be."""

    #: Seconds since the epoch.
    timestamp: float
    #: The same in local time, ``%Y_%m_%d_%Hh%Mm%Ss``.
    time: str


def moment_for(trajectory: Any, is_new: bool) -> Moment:
    """The moment an environment begins: that of its trajectory if that is new, else now."""
    if is_new:
        return Moment(trajectory.v_timestamp, trajectory.v_time)
    now = time.time()
    return Moment(now, format_time(now))


@dataclass(frozen=True)
class Identity:
    """Identity of one environment."""

    #: Seconds since the epoch.
    timestamp: float
    #: Local time in the name, ``%Y_%m_%d_%Hh%Mm%Ss``.
    time: str
    #: 40 hexadecimal digits.
    hexsha: str

    @property
    def name(self) -> str:
        """``environment_<7 digits of the SHA-1>_<time>``, a valid name of a node."""
        return f"environment_{self.hexsha[:7]}_{self.time}"

    @classmethod
    def of(cls, trajectory: Any, moment: Moment, commit: str | None) -> Identity:
        """Identity of an environment around `trajectory`.

        Parameters
        ----------
        trajectory : Trajectory
            Remembers all environments it had; none of their names is given twice.
        moment : Moment
            When the environment came to be.
        commit : str, optional
            SHA-1 of the commit that the code is in.
        """
        hexsha = commit or digest(
            trajectory.v_name, trajectory.v_timestamp, moment.timestamp, __version__
        )
        identity = cls(moment.timestamp, moment.time, hexsha)
        second = 0
        while trajectory.f_contains(f"config.environment.{identity.name}", shortcuts=False):
            # Two environments on one commit within a second: the later takes the next second.
            second += 1
            identity = cls(moment.timestamp, format_time(moment.timestamp + second), hexsha)
        return identity

    def mark(self, trajectory: Any) -> None:
        """Let a trajectory know by which environment it is run."""
        lifecycle.set_environment(trajectory, self.name, self.hexsha)


def digest(
    trajectory_name: str, trajectory_timestamp: float, timestamp: float, version: str
) -> str:
    """SHA-1 over the texts of all four, 40 hexadecimal digits.

    Examples
    --------
    >>> digest('trajectory', 0.0, 1.5, '1.0.0')
    '974c0d04817b34460eee2e440ea26f7f3855f059'
    """
    text = trajectory_name + str(trajectory_timestamp) + str(timestamp) + version
    return hashlib.sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()
