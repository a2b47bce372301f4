"""Comparison of the worker's clock with PostgreSQL's, before any work that depends on the time.

A worker whose clock is ahead would mark invoices as overdue, mark promises as broken and send messages too early. A
worker whose clock is behind would sign webhooks with a time that receivers reject. If the difference exceeds
`TOLERATED`, the worker does nothing.
"""

import datetime as dt
import time

import structlog
from django.db import connection
from django.utils import timezone

from inflow.restores.models import ClockMark

log = structlog.get_logger(__name__)

TOLERATED = dt.timedelta(seconds=30)
# Time for which a successful comparison is valid, in seconds, unless this clock jumps.
VALID_FOR_S = 5.0
JUMP_S = 1.0

# The monotonic time of the last successful comparison, and how far the system clock was ahead of it.
_agreed: tuple[float, float] | None = None
_has_logged = False


def is_right() -> bool:
    """Return True if this clock is within `TOLERATED` of PostgreSQL's. Log it once if it is not. Cheap to call."""
    global _agreed, _has_logged
    now, began = timezone.now(), time.monotonic()
    lead = now.timestamp() - began
    if _agreed and began - _agreed[0] < VALID_FOR_S and abs(lead - _agreed[1]) < JUMP_S:
        return True
    ahead = _ahead(now, began)
    if abs(ahead) > TOLERATED:
        _agreed = None
        if not _has_logged:  # once per process, until the clock is right again
            _has_logged = True
            log.error("clock_is_wrong", ahead_s=round(ahead.total_seconds()))
        return False
    if _has_logged:
        log.warning("clock_is_right_again")
    _agreed, _has_logged = (began, lead), False
    return True


def _ahead(now: dt.datetime, began: float) -> dt.timedelta:
    """Return the time by which `now` is ahead of PostgreSQL's clock. The duration of the query is not counted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: dt.datetime = cursor.fetchone()[0]
    took = dt.timedelta(seconds=time.monotonic() - began)
    if now > theirs:
        return now - theirs
    return min(now + took - theirs, dt.timedelta())


def forget() -> None:
    """Discard the last comparison, so that the next call compares again."""
    global _agreed, _has_logged
    _agreed, _has_logged = None, False


# --- Clocks that were set back -------------------------------------------------------------------------------------


def has_gone_back(work: str) -> bool:
    """Return True if `work` last ran in the future: a clock was ahead then, perhaps PostgreSQL's as well."""
    mark = ClockMark.objects.filter(pk=work).first()
    return mark is not None and mark.at > timezone.now() + TOLERATED


def leave_mark(work: str) -> None:
    """Record that `work` has run now. Call it after the work done by a wrong clock has been corrected."""
    ClockMark.objects.update_or_create(work=work, defaults={"at": timezone.now()})
