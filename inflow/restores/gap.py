"""The time between a backup and its restore, in which what left is unknown to the database."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

# The clocks of several machines, a transaction that was open while the backup was taken, a file not flushed yet.
MARGIN = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    since: dt.datetime
    until: dt.datetime

    @classmethod
    def between(cls, last_known: dt.datetime, last_sent: dt.datetime) -> Self:
        return cls(last_known - MARGIN, max(last_known, last_sent) + MARGIN)

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()
