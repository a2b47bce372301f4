"""Long work that is split into turns of a few seconds, so that tasks on the same queue share the workers.

A worker claims a row by setting `claimed_until` and releases it after the turn. Each task carries the name of the
release after which it was sent. If the sweep sends a second task for the same turn, only the first one finds that
release, and the other does nothing.
"""

import datetime as dt

from django.db.models import Q
from django.utils import timezone


def release_name(claimed_until: dt.datetime | None) -> str:
    """Return the name of a release, the argument of a task."""
    return claimed_until.isoformat() if claimed_until else ""


def unclaimed(release: str | None = None) -> Q:
    """Return the condition of rows that no worker has claimed, at all or (with `release`) since that release."""
    if release == "":
        return Q(claimed_until=None)
    claim_is_over = Q(claimed_until__lt=timezone.now())
    if release is None:
        return Q(claimed_until=None) | claim_is_over
    return claim_is_over & Q(claimed_until=dt.datetime.fromisoformat(release))
