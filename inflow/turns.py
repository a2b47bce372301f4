"""Long work in turns of a few seconds, on a queue that others wait in too. The row's `claimed_until` says whose turn it
is: a worker claims the row, and releases it after the turn.

A wake-up names the release after which it was sent. Of two for the same turn only the first one finds that release, so
that work which the sweep offers again while it waits in the queue gets no second place in it.
"""

import datetime as dt

from django.db.models import Q
from django.utils import timezone


def mark(claimed_until: dt.datetime | None) -> str:
    """Return the name of a release, for a wake-up."""
    return claimed_until.isoformat() if claimed_until else ""


def free(release: str | None = None) -> Q:
    """Return the condition of rows that nobody works on; with `release`, if nobody did since."""
    if release == "":
        return Q(claimed_until=None)
    claim_is_over = Q(claimed_until__lt=timezone.now())
    if release is None:
        return Q(claimed_until=None) | claim_is_over
    return claim_is_over & Q(claimed_until=dt.datetime.fromisoformat(release))
