"""The setting of an account's scheduled fetch: where its list of open items is, and when it is fetched."""

import datetime as dt
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from inflow.celery import wake
from inflow.egress import targets
from inflow.egress.errors import ForbiddenTarget
from invoices.errors import Refused
from invoices.models import OpenItemsSource

MAX_AUTHORIZATION = 2_000
# The values that a person sets. The Authorization header is stored encrypted and never shown.
SETTINGS = ("url", "hour", "is_complete", "currency", "date_order")


def create(account: Account, *, authorization: str = "", **settings: Any) -> OpenItemsSource:
    """Create the account's source, switched on. Raise `Refused` if the account has one."""
    source = OpenItemsSource(account=account, **settings)
    _check(source.url, authorization)
    source.sealed_authorization = encrypt(authorization) if authorization else ""
    source.next_fetch_at = next_fetch(source, timezone.now())
    try:
        with transaction.atomic():
            source.save(force_insert=True)
    except IntegrityError as error:
        message = _("The account already has a scheduled fetch. Edit it instead.")
        raise Refused("url", "exists", message) from error
    return source


def change(
    source: OpenItemsSource, settings: dict[str, Any], *, authorization: str = "", removes_authorization: bool = False
) -> list[str]:
    """Change settings. Return the names of the changed ones. A fetch that is running is discarded and made again.

    Raise `Refused` if the URL changes without the header being entered again: otherwise a person could have the stored
    header sent to another host.
    """
    with transaction.atomic():
        source = _lock(source)
        changed = [name for name, value in settings.items() if getattr(source, name) != value]
        _check(settings.get("url", source.url), authorization)
        keeps = bool(source.sealed_authorization) and not authorization and not removes_authorization
        if "url" in changed and keeps:
            message = _("Enter the header again to change the URL, or remove it.")
            raise Refused("authorization", "required", message)
        for name in changed:
            setattr(source, name, settings[name])
        if authorization or (removes_authorization and source.sealed_authorization):
            source.sealed_authorization = encrypt(authorization) if authorization else ""
            changed.append("authorization")
        if "hour" in changed and not is_due(source):
            source.next_fetch_at = next_fetch(source, timezone.now())
        _release(source)
        source.save()
    return changed


def switch(source: OpenItemsSource, *, is_on: bool) -> bool:
    """Switch the schedule on or off. A fetch that is running is discarded. Return True if it was otherwise before."""
    with transaction.atomic():
        source = _lock(source)
        if source.is_on == is_on:
            return False
        source.is_on = is_on
        source.next_fetch_at = next_fetch(source, timezone.now())
        if not is_on:
            source.notice_due_at = None
        _release(source)
        source.save()
    return True


def fetch_now(source: OpenItemsSource) -> None:
    """Have a worker fetch the list now, also if the schedule is off. One fetch runs at a time."""
    with transaction.atomic():
        source = _lock(source)
        if not is_due(source):
            source.next_fetch_at = timezone.now()
            source.save(update_fields=["next_fetch_at"])
    wake("invoices.tasks.fetch_open_items", str(source.pk))


def is_due(source: OpenItemsSource) -> bool:
    """Return True if the list is being fetched, or about to be."""
    return source.next_fetch_at is not None and source.next_fetch_at <= timezone.now()


def next_fetch(source: OpenItemsSource, after: dt.datetime) -> dt.datetime | None:
    """Return the next time of the schedule, or None if it is off. Real time, also for test accounts with a clock."""
    if not source.is_on:
        return None
    day = after.astimezone(source.account.zone).date()
    days = (day + dt.timedelta(days=number) for number in range(3))
    times = (dt.datetime.combine(day, dt.time(source.hour), source.account.zone) for day in days)
    return next(time for time in times if time.timestamp() > after.timestamp())


def authorization_of(source: OpenItemsSource) -> str:
    return decrypt(source.sealed_authorization) if source.sealed_authorization else ""


def reencrypt(source: OpenItemsSource) -> None:
    """Encrypt the header again with the first of FIELD_KEYS."""
    with transaction.atomic():
        source = _lock(source)
        if source.sealed_authorization:
            source.sealed_authorization = encrypt(authorization_of(source))
            source.save(update_fields=["sealed_authorization"])


def _check(url: str, authorization: str) -> None:
    try:
        targets.check_https(url)
    except ForbiddenTarget as error:
        raise Refused("url", "forbidden_target", str(error)) from error
    is_plain = authorization.isascii() and authorization.isprintable() and authorization == authorization.strip()
    if not is_plain or len(authorization) > MAX_AUTHORIZATION:
        raise Refused("authorization", "invalid", _("Use only printable ASCII characters."))


def _lock(source: OpenItemsSource) -> OpenItemsSource:
    rows = OpenItemsSource.objects.select_related("account").select_for_update(of=("self",), no_key=True)
    locked: OpenItemsSource = rows.get(pk=source.pk)
    return locked


def _release(source: OpenItemsSource) -> None:
    """Make the worker that fetches discard what it receives. If a fetch was due, it still is."""
    source.claimed_until, source.claims = None, 0
