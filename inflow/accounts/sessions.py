"""Sessions of users: Django's sessions in the database, with their user, address and device.

The cookie holds the session key and the row only its SHA-256, so that the database or a backup contains no usable key.
The time of the last use is precise to five minutes.
"""

import datetime as dt
import hashlib
import re
import uuid
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.models import Session, User

SEEN_EVERY_S = 300
_CLIENT, _SEEN = "client", "seen_at"
# Checked in this order, because each user agent contains the names of those below it.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrom": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class SessionStore(DatabaseStore):
    """The session store of this SESSION_ENGINE."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        """Return the data of the session. An unknown key is discarded and never reused."""
        rows = Session.objects.filter(session_key=digest(self.session_key or ""), expire_date__gt=timezone.now())
        data = rows.values_list("session_data", flat=True).first()
        if data is None:
            self.flush()
            return {}
        return dict(self.decode(data))

    def exists(self, session_key: str) -> bool:
        return super().exists(digest(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(digest(key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        now = timezone.now()
        client = data.setdefault(_CLIENT, {})
        client.setdefault("id", str(uuid.uuid4()))
        client.setdefault("started_at", now.timestamp())
        session = super().create_model_instance(data)
        assert isinstance(session, Session)
        session.session_key = digest(session.session_key)
        session.public_id = client["id"]
        session.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        session.address, session.agent = client.get("address"), client.get("agent", "")
        session.started_at = dt.datetime.fromtimestamp(client["started_at"], dt.UTC)
        session.seen_at = dt.datetime.fromtimestamp(data.get(_SEEN, now.timestamp()), dt.UTC)
        return session


def digest(key: str) -> str:
    """Return the digest under which a session is stored. The key has 160 random bits, so no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_current(session: Session, current: SessionBase) -> bool:
    """Return True if the row is the request's own session."""
    return session.session_key == digest(current.session_key or "")


def start(session: SessionBase, address: str | None, agent: str) -> None:
    """Record the address and device of a user who has just logged in."""
    now = timezone.now().timestamp()
    session[_CLIENT] = {"id": str(uuid.uuid4()), "started_at": now, "address": address, "agent": agent[:300]}
    session[_SEEN] = now


def touch(session: SessionBase) -> None:
    """Record that the session is in use, which also postpones its expiry."""
    now = timezone.now().timestamp()
    last = session.get(_SEEN) or session.get(_CLIENT, {}).get("started_at", 0)
    if now - last >= SEEN_EVERY_S:
        session[_SEEN] = now


def age(session: SessionBase) -> dt.timedelta:
    """Return the time since the login."""
    now = timezone.now().timestamp()
    return dt.timedelta(seconds=now - session.get(_CLIENT, {}).get("started_at", now))


def active(user: User) -> QuerySet[Session]:
    """Return the user's active sessions, the last used first."""
    return Session.objects.filter(user=user, expire_date__gt=timezone.now())


def end(user: User, public_id: uuid.UUID) -> Session | None:
    """End the user's session with this id and return it, or None if there is none."""
    session = active(user).filter(public_id=public_id).first()
    if session:
        session.delete()
    return session


def end_all(user: User, *, but: str | None = None) -> int:
    """End a user's sessions and return their number. `but` is the key, as in the cookie, of a session to keep."""
    ending = Session.objects.filter(user=user)
    if but:
        ending = ending.exclude(session_key=digest(but))
    count: int = ending.delete()[0]
    return count


def device(agent: str) -> str:
    """Return a browser and its operating system, such as "Chrome on Windows"."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    program = re.match(r"[\w.-]{1,40}", agent)
    return browser or system or (program.group() if program else _("Unknown device"))


def localized_device(stored: str) -> str:
    """Return a device that was stored in English in the active language."""
    browser, on, system = stored.partition(" on ")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if on else _(stored)
