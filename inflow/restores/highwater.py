"""High-water marks, which reveal a database that is older than the last message or webhook sent from it.

Before anything is sent, a number is increased in the database, committed, and then written to stores outside the
database. In normal operation the database is therefore never behind the stores. A database that was restored from a
backup is behind them if anything was sent after the backup. To prevent that it is sent again, messages and webhooks are
held until `manage.py after_restore` has run.

Advancing a mark costs one small transaction and one round trip to Valkey for each message or batch of deliveries.
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
from inflow.restores.errors import SendingHeld, StoresUnavailable
from inflow.restores.models import Cause, Installation, Mark
from inflow.restores.stores import Marks, StoredMark

log = structlog.get_logger(__name__)

# Time for which a successful comparison is valid, in seconds.
VALID_FOR_S = 5.0
# Each worker uses one slot. Workers that share a slot only wait for each other's commits.
SLOTS = 32

_compared_at = -VALID_FOR_S
_logged: set[str] = set()


def check() -> None:
    """Compare the database with the marks outside it, and raise `SendingHeld` if nothing may be sent. Cheap to call."""
    global _compared_at
    if time.monotonic() - _compared_at < VALID_FOR_S:
        return
    installation, _ = Installation.objects.get_or_create(id=Installation.ONLY)
    if installation.held_at:
        raise _held(installation)
    try:
        outside = stores.read(installation.key)
    except StoresUnavailable:
        raise SendingHeld("neither Valkey nor a file can hold the mark of what is sent") from None
    # Read after the stores: the marks that other workers advance meanwhile are already in the database.
    known = dict(Mark.objects.values_list("slot", "number"))
    is_behind = any(mark.number > known.get(slot, 0) for slot, mark in outside.marks.items())
    current = identity.of_database()
    has_moved = identity.differ(installation.identity, current)
    if is_behind:
        raise _hold(installation, Cause.BEHIND, outside.marks)
    if has_moved and not outside.marks:
        if not outside.is_complete:
            raise SendingHeld("the database runs on another server, and not all marks of what was sent can be read")
        raise _hold(installation, Cause.UNMARKED, {})
    if current != installation.identity:
        if has_moved:
            log.warning("database_moved", was=installation.identity, now=current)
        Installation.objects.filter(held_at=None).update(identity=current)
    _compared_at = time.monotonic()


def may_send() -> bool:
    """Return True if messages and webhooks may be sent. Log the reason if not."""
    try:
        check()
    except SendingHeld as held:
        if str(held) not in _logged:  # once for each process
            _logged.add(str(held))
            log.error("sending_held", reason=str(held))
        return False
    _logged.clear()
    return True


def advance() -> None:
    """Advance the mark before something is sent, after its claim is committed. Raise `SendingHeld` if it may not be."""
    global _compared_at
    check()
    advanced = _advance_in_database()
    if advanced is None:  # held a moment ago
        _compared_at = -VALID_FOR_S
        check()
        advanced = _advance_in_database()
        if advanced is None:
            raise SendingHeld("messages and webhooks are held")
    key, slot, mark = advanced
    try:
        before = stores.raise_to(key, slot, mark)
    except StoresUnavailable:
        _compared_at = -VALID_FOR_S
        raise SendingHeld("neither Valkey nor a file can hold the mark of what is sent") from None
    if before > mark.number:  # written by a faster worker in the same slot, or from a newer database
        _compared_at = -VALID_FOR_S
        check()


_ADVANCE = """
INSERT INTO restores_mark (slot, number, at)
SELECT %s, 1, clock_timestamp() FROM restores_installation WHERE held_at IS NULL
ON CONFLICT (slot) DO UPDATE SET number = restores_mark.number + 1, at = EXCLUDED.at
RETURNING number, at, (SELECT key FROM restores_installation)
"""


def _advance_in_database() -> tuple[uuid.UUID, int, StoredMark] | None:
    slot = zlib.crc32(f"{socket.gethostname()} {os.getpid()}".encode()) % SLOTS
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [slot])
        row = cursor.fetchone()
    if row is None:
        return None
    number, at, key = row
    return key, slot, StoredMark(number, at.timestamp())


# --- Holding -------------------------------------------------------------------------------------------------------


def held() -> Installation | None:
    """Return the installation if messages and webhooks are held, else None."""
    return Installation.objects.filter(held_at__isnull=False).first()


def release(installation: Installation, *, as_copy: bool = False) -> None:
    """End the hold and accept this database as current. Call it in a transaction. Raise `StoresUnavailable`.

    The marks in the database are raised to those in the stores, so that an even older backup is recognized too.
    """
    for slot, stored in stores.read(installation.key).marks.items():
        at = dt.datetime.fromtimestamp(stored.at, dt.UTC)
        mark, _ = Mark.objects.get_or_create(slot=slot, defaults={"number": stored.number, "at": at})
        if mark.number < stored.number:
            mark.number, mark.at = stored.number, at
            mark.save(update_fields=["number", "at"])
    if as_copy:
        installation.key = uuid.uuid4()
    installation.identity = identity.of_database()
    installation.held_at = installation.lost_since = installation.lost_until = None
    installation.held_because = ""
    installation.save(update_fields=["key", "identity", "held_at", "held_because", "lost_since", "lost_until"])
    transaction.on_commit(forget)


def forget() -> None:
    """Discard the last comparison, so that the next call compares again."""
    global _compared_at
    _compared_at = -VALID_FOR_S
    _logged.clear()


def last_mark() -> dt.datetime | None:
    """Return the time of the last mark in the database."""
    return Mark.objects.order_by("-at").values_list("at", flat=True).first()


def _hold(installation: Installation, cause: Cause, outside: Marks) -> SendingHeld:
    now = timezone.now()
    installation.held_at, installation.held_because = now, cause
    installation.lost_since = last_mark() or installation.created_at
    installation.lost_until = (
        dt.datetime.fromtimestamp(max(mark.at for mark in outside.values()), dt.UTC) if outside else now
    )
    values = {name: getattr(installation, name) for name in ("held_at", "held_because", "lost_since", "lost_until")}
    Installation.objects.filter(held_at=None).update(**values)
    return _held(installation)


def _held(installation: Installation) -> SendingHeld:
    assert installation.lost_since
    assert installation.lost_until
    window = f"between {installation.lost_since:%Y-%m-%d %H:%M} and {installation.lost_until:%Y-%m-%d %H:%M} UTC"
    reason = Cause(installation.held_because).label
    return SendingHeld(
        f"{reason}; anything sent {window} may be missing. Run: python manage.py after_restore --dry-run"
    )
