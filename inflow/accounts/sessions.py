"""Sessions of people: Django's sessions in the database, with their user and their origin.

The cookie holds a session's key, the row only its SHA-256: a reader of the database, or of a backup, gets no log-in.
What a page shows of a session is kept in it and written whenever it is saved, at most every five minutes of use.
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
# In this order: each names itself and those before it in what it sends.
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
    """SESSION_ENGINE."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        """Return the data of the cookie's session; an unknown key is given up, and never taken over."""
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
    """Return what a session's row is found by. The key has 160 random bits, so that no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_same(session: Session, current: SessionBase) -> bool:
    """Tell whether the row is that of the request's own session."""
    return session.session_key == digest(current.session_key or "")


def begin(session: SessionBase, address: str | None, agent: str) -> None:
    """Note where the person, who has just said the right password, is."""
    now = timezone.now().timestamp()
    session[_CLIENT] = {"id": str(uuid.uuid4()), "started_at": now, "address": address, "agent": agent[:300]}
    session[_SEEN] = now


def seen(session: SessionBase) -> None:
    """Note that it is in use; which also puts off its end."""
    now = timezone.now().timestamp()
    last = session.get(_SEEN) or session.get(_CLIENT, {}).get("started_at", 0)
    if now - last >= SEEN_EVERY_S:
        session[_SEEN] = now


def age(session: SessionBase) -> dt.timedelta:
    """Since the log-in."""
    now = timezone.now().timestamp()
    return dt.timedelta(seconds=now - session.get(_CLIENT, {}).get("started_at", now))


def of(user: User) -> QuerySet[Session]:
    """Those that are not over, the last used one first."""
    return Session.objects.filter(user=user, expire_date__gt=timezone.now())


def end(user: User, public_id: uuid.UUID) -> Session | None:
    """The one that ended; None where this person has none of this name."""
    session = of(user).filter(public_id=public_id).first()
    if session:
        session.delete()
    return session


def end_all(user: User, *, but: str | None = None) -> int:
    """End a person's sessions and return their number. `but` is the key, as in the cookie, of the one that stays."""
    ending = Session.objects.filter(user=user)
    if but:
        ending = ending.exclude(session_key=digest(but))
    count: int = ending.delete()[0]
    return count


def device(agent: str) -> str:
    """Return the name of a browser and its system, such as Chrome on Windows."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    program = re.match(r"[\w.-]{1,40}", agent)
    return browser or system or (program.group() if program else _("Unknown device"))


def device_retold(stored: str) -> str:
    """A device that was noted in English, in the reader's language."""
    browser, on, system = stored.partition(" on ")
    return _("%(browser)s on %(system)s") % {"browser": browser, "system": system} if on else _(stored)
