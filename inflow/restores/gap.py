"""The period between a backup and its restore, during which the database does not know what was sent."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

# Allows for clock differences, transactions that were open during the backup, and a mark file that was not flushed.
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
