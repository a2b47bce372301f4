"""High-water marks: recognize a database that is older than what was sent from it.

Before anything leaves, a number is raised in the database, committed, and written outside it. So in normal operation
the database is never behind. A database that was restored from a backup is, if anything left after the backup was
taken: sending it again is prevented by holding messages and webhooks until `manage.py after_restore` has run.

To leave a mark costs one small transaction and one round trip to Valkey for each message or batch of deliveries.
"""

import datetime as dt
import os
import socket
import time
import uuid
import zlib

import structlog
from django.db import connection, transaction
from django.utils import timezone

from inflow.restores import identity, stores
from inflow.restores.models import Cause, Installation, Mark
from inflow.restores.stores import Marks, Seen

log = structlog.get_logger(__name__)

# The database and the marks agreed; they are not compared again for so long.
GOOD_FOR_S = 5.0
# A worker's slot is fixed; two that share one wait for each other's commits, and nothing else.
SLOTS = 32

_compared_at = -GOOD_FOR_S
_said: set[str] = set()


class Held(Exception):
    """Raised when nothing may be sent: the database was restored, or no mark can be written."""


def check() -> None:
    """Compare the database with the marks outside it. Raise `Held` if nothing may be sent. Cheap to call often."""
    global _compared_at
    if time.monotonic() - _compared_at < GOOD_FOR_S:
        return
    installation, _ = Installation.objects.get_or_create(id=Installation.ONLY)
    if installation.held_at:
        raise _held(installation)
    try:
        outside = stores.read(installation.key)
    except stores.Unavailable:
        raise Held("neither Valkey nor a file can hold the mark of what is sent") from None
    # Read after the marks outside: those that other workers leave meanwhile are in the database already.
    known = dict(Mark.objects.values_list("slot", "number"))
    is_behind = any(seen.number > known.get(slot, 0) for slot, seen in outside.marks.items())
    now_on = identity.of_database()
    has_moved = identity.differ(installation.identity, now_on)
    if is_behind:
        raise _hold(installation, Cause.BEHIND, outside.marks)
    if has_moved and not outside.marks:
        if not outside.is_complete:
            raise Held("the database runs on another server, and not all marks of what was sent can be read")
        raise _hold(installation, Cause.UNMARKED, {})
    if now_on != installation.identity:
        if has_moved:
            log.warning("database_moved", was=installation.identity, now=now_on)
        Installation.objects.filter(held_at=None).update(identity=now_on)
    _compared_at = time.monotonic()


def may_send() -> bool:
    """Like `check`, for the beginning of a batch: log the reason instead of raising it."""
    try:
        check()
    except Held as held:
        if str(held) not in _said:  # once for each process
            _said.add(str(held))
            log.error("sending_held", reason=str(held))
        return False
    _said.clear()
    return True


def leave() -> None:
    """Leave a mark of what is about to be sent, which is committed already. Raise `Held` if it may not be sent."""
    global _compared_at
    check()
    left = _raise_in_database()
    if left is None:  # held a moment ago
        _compared_at = -GOOD_FOR_S
        check()
        left = _raise_in_database()
        if left is None:
            raise Held("messages and webhooks are held")
    key, slot, seen = left
    try:
        before = stores.raise_to(key, slot, seen)
    except stores.Unavailable:
        _compared_at = -GOOD_FOR_S
        raise Held("neither Valkey nor a file can hold the mark of what is sent") from None
    if before > seen.number:  # by a worker in the same slot that was faster, or by a database that was newer
        _compared_at = -GOOD_FOR_S
        check()


_RAISE = """
INSERT INTO restores_mark (slot, number, at)
SELECT %s, 1, clock_timestamp() FROM restores_installation WHERE held_at IS NULL
ON CONFLICT (slot) DO UPDATE SET number = restores_mark.number + 1, at = EXCLUDED.at
RETURNING number, at, (SELECT key FROM restores_installation)
"""


def _raise_in_database() -> tuple[uuid.UUID, int, Seen] | None:
    slot = zlib.crc32(f"{socket.gethostname()} {os.getpid()}".encode()) % SLOTS
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [slot])
        row = cursor.fetchone()
    if row is None:
        return None
    number, at, key = row
    return key, slot, Seen(number, at.timestamp())


# --- Holding -------------------------------------------------------------------------------------------------------


def held() -> Installation | None:
    """Return the installation if messages and webhooks are held: for the dashboard and for /readyz."""
    return Installation.objects.filter(held_at__isnull=False).first()


def release(installation: Installation, *, as_copy: bool = False) -> None:
    """End the hold: this database is the present now. Call it in a transaction. Raise `stores.Unavailable`.

    The marks outside stay, and those in the database rise to them: an even older backup is recognized as well.
    """
    for slot, seen in stores.read(installation.key).marks.items():
        at = dt.datetime.fromtimestamp(seen.at, dt.UTC)
        mark, _ = Mark.objects.get_or_create(slot=slot, defaults={"number": seen.number, "at": at})
        if mark.number < seen.number:
            mark.number, mark.at = seen.number, at
            mark.save(update_fields=["number", "at"])
    if as_copy:
        installation.key = uuid.uuid4()
    installation.identity = identity.of_database()
    installation.held_at = installation.lost_since = installation.lost_until = None
    installation.held_because = ""
    installation.save()
    transaction.on_commit(forget)


def forget() -> None:
    """Compare anew when something is sent next."""
    global _compared_at
    _compared_at = -GOOD_FOR_S
    _said.clear()


def last_mark() -> dt.datetime | None:
    """Return when the database last knew of something that was sent."""
    return Mark.objects.order_by("-at").values_list("at", flat=True).first()


def _hold(installation: Installation, cause: Cause, outside: Marks) -> Held:
    now = timezone.now()
    installation.held_at, installation.held_because = now, cause
    installation.lost_since = last_mark() or installation.created_at
    installation.lost_until = (
        dt.datetime.fromtimestamp(max(seen.at for seen in outside.values()), dt.UTC) if outside else now
    )
    values = {name: getattr(installation, name) for name in ("held_at", "held_because", "lost_since", "lost_until")}
    Installation.objects.filter(held_at=None).update(**values)
    return _held(installation)


def _held(installation: Installation) -> Held:
    assert installation.lost_since
    assert installation.lost_until
    window = f"between {installation.lost_since:%Y-%m-%d %H:%M} and {installation.lost_until:%Y-%m-%d %H:%M} UTC"
    why = Cause(installation.held_because).label
    return Held(f"{why}; what left {window} is not known here. Run: python manage.py after_restore --dry-run")
