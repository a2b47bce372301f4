"""The worker's clock, compared with PostgreSQL's before it does anything that depends on the time.

A worker whose clock is ahead would make invoices overdue, break promises and write to debtors before their day. One
that is behind signs webhooks with a time that receivers refuse. Beyond `TOLERATED` it does nothing.
"""

import datetime as dt
import time

import structlog
from django.db import connection
from django.utils import timezone

from inflow.restores.models import ClockMark

log = structlog.get_logger(__name__)

TOLERATED = dt.timedelta(seconds=30)
# The clocks agreed; they are not compared again for so long, unless this clock jumps.
GOOD_FOR_S = 5.0
JUMP_S = 1.0

# When they were compared, and how far the wall's clock was ahead of the monotonic one then.
_agreed: tuple[float, float] | None = None
_has_told = False


def is_right() -> bool:
    """Return True if this clock is within `TOLERATED` of PostgreSQL's. If it is not, log that once. Cheap to call."""
    global _agreed, _has_told
    now, began = timezone.now(), time.monotonic()
    lead = now.timestamp() - began
    if _agreed and began - _agreed[0] < GOOD_FOR_S and abs(lead - _agreed[1]) < JUMP_S:
        return True
    ahead = _ahead(now, began)
    if abs(ahead) > TOLERATED:
        _agreed = None
        if not _has_told:  # once for each process, until it is right again
            _has_told = True
            log.error("clock_is_wrong", ahead_s=round(ahead.total_seconds()))
        return False
    if _has_told:
        log.warning("clock_is_right_again")
    _agreed, _has_told = (began, lead), False
    return True


def _ahead(now: dt.datetime, began: float) -> dt.timedelta:
    """Return by how much `now` is ahead of PostgreSQL's clock. What the query took counts for neither side."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: dt.datetime = cursor.fetchone()[0]
    took = dt.timedelta(seconds=time.monotonic() - began)
    if now > theirs:
        return now - theirs
    return min(now + took - theirs, dt.timedelta())


def forget() -> None:
    """Compare anew when it is needed next."""
    global _agreed, _has_told
    _agreed, _has_told = None, False


# --- Time that went back -------------------------------------------------------------------------------------------


def has_gone_back(work: str) -> bool:
    """Return True if `work` has run at a moment that has not come: a clock was ahead, PostgreSQL's perhaps as well."""
    mark = ClockMark.objects.filter(pk=work).first()
    return mark is not None and mark.at > timezone.now() + TOLERATED


def leave_mark(work: str) -> None:
    """Note when `work` has run, after what an earlier clock did wrong is mended."""
    ClockMark.objects.update_or_create(work=work, defaults={"at": timezone.now()})
