"""Fetching lists of open items by schedule. A worker claims a source, downloads its list, and compares it as an upload.

The row says what is due, so that nothing is lost with a worker. The result and the next time are stored in one
transaction, so that no list is fetched twice.
"""

import datetime as dt
import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError

from inflow import turns
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.api.bodies import LargeJSONParser
from inflow.egress import downloads
from inflow.egress.errors import DownloadFailed
from inflow.restores import highwater
from invoices.api.open_items_serializers import OpenItemsIn
from invoices.errors import Refused
from invoices.imports.errors import UnreadableFile
from invoices.imports.reading import MAX_BYTES, too_large
from invoices.models import OpenItemsList, OpenItemsSource
from invoices.reconciliation import comparing, reading, sources

log = structlog.get_logger(__name__)

# Longer than a download, its parsing and its comparison may take.
LEASE = dt.timedelta(minutes=10)
MAX_CLAIMS = 3
_ACCEPT = "text/csv, application/json, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, */*;q=0.1"

_FAILURES = {
    "forbidden_target": _lazy("The URL leads to an address that InFlow does not connect to. It must be public."),
    "lookup": _lazy("The host name was not found."),
    "connection": _lazy("The server could not be reached."),
    "tls": _lazy("The server's certificate is not valid, or it does not accept an encrypted connection."),
    "timeout": _lazy("The server did not send the whole list within a minute."),
    "redirect": _lazy("The server redirects to another URL (%(status)s). Redirects are not followed: enter that URL."),
    "status": _lazy("The server responded with status %(status)s instead of the list."),
    "denied": _lazy("The server denied access (%(status)s). Check the Authorization header."),
    "no_length": _lazy("The server does not say how long the list is, so that it may be incomplete."),
    "compressed": _lazy("The server sent the list compressed, which was not requested."),
    "cut_off": _lazy("The list was cut off on the way."),
    "protocol": _lazy("The server sent no valid response."),
}


def due() -> list[uuid.UUID]:
    """Return the ids of the sources that are due and that no worker fetches."""
    return list(_due().values_list("pk", flat=True)) if highwater.may_send() else []


def _due() -> QuerySet[OpenItemsSource]:
    rows: QuerySet[OpenItemsSource] = OpenItemsSource.objects.filter(
        turns.unclaimed(), next_fetch_at__lte=timezone.now(), account__suspended_at=None
    )
    return rows


def fetch(source_id: uuid.UUID) -> None:
    """Fetch and compare a list that is due and that no other worker fetches."""
    source = _claim(source_id) if highwater.may_send() else None
    if source is None:
        return
    account = source.account
    with translation.override(account.language):
        if source.claims > MAX_CLAIMS:
            log.error("open_items_given_up", source=str(source.pk))
            _fail(source, _("Something went wrong on our side. The error has been logged."))
            return
        began = account.now()
        try:
            values = _values(source, _download(source), began)
        except (UnreadableFile, Refused) as error:
            _fail(source, str(error))
            return
        with _finishing(source) as stored:
            if stored:
                comparing.record(account, actor=CLOCK, source=OpenItemsList.Source.FETCH, **values)
                stored.fetched_at, stored.failed_at, stored.problem, stored.notice_due_at = (
                    timezone.now(),
                    None,
                    "",
                    None,
                )


def _claim(source_id: uuid.UUID) -> OpenItemsSource | None:
    with transaction.atomic():
        free = _due().filter(pk=source_id).select_related("account")
        source: OpenItemsSource | None = free.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if source:
            source.claimed_until = timezone.now() + LEASE
            source.claims += 1
            source.save(update_fields=["claimed_until", "claims"])
    return source


@contextmanager
def _finishing(source: OpenItemsSource) -> Iterator[OpenItemsSource | None]:
    """Yield the locked row, and schedule the next fetch. Yield None if the claim was lost, so that nothing is stored:
    the settings were changed meanwhile, or another worker took over."""
    with transaction.atomic():
        rows = OpenItemsSource.objects.select_for_update(no_key=True)
        stored: OpenItemsSource | None = rows.filter(pk=source.pk, claimed_until=source.claimed_until).first()
        if stored:
            stored.account = source.account
        yield stored
        if stored:
            stored.claimed_until, stored.claims = None, 0
            stored.next_fetch_at = sources.next_fetch(stored, timezone.now())
            stored.save()


def _fail(source: OpenItemsSource, problem: str) -> None:
    """Store why the fetch failed. The admins are notified of the first of several failures in a row."""
    with _finishing(source) as stored:
        if stored:
            now = timezone.now()
            if not stored.failed_at and not stored.account.is_test:
                stored.notice_due_at = now
            stored.failed_at, stored.problem = now, problem[:1_000]


def _download(source: OpenItemsSource) -> bytes:
    headers = {"Accept": _ACCEPT}
    if authorization := sources.authorization_of(source):
        headers["Authorization"] = authorization
    try:
        return downloads.get(source.url, headers, max_bytes=MAX_BYTES)
    except DownloadFailed as failure:
        if failure.reason == "too_large":
            raise UnreadableFile(too_large()) from failure
        reason = "denied" if failure.status in (401, 403) else failure.reason
        raise UnreadableFile(str(_FAILURES[reason]) % {"status": failure.status}) from failure


def _values(source: OpenItemsSource, content: bytes, began: dt.datetime) -> dict[str, Any]:
    """Return the arguments of `comparing.record`. The settings apply if the list itself does not say."""
    account = source.account
    if content.lstrip()[:1] in (b"{", b"["):
        read = _read_json(account, content)
    else:
        read = {
            "items": reading.read(content, account, currency=source.currency, date_order=source.date_order),
            "file_name": urlsplit(source.url).path.rpartition("/")[2],
        }
    comparing.check_not_empty(account, read["items"])
    if "complete" not in read:
        read["complete"] = comparing.listed_currencies(account, read["items"]) if source.is_complete else ()
    if not read.get("as_of"):
        # The server may have made the file earlier that day.
        day = began.astimezone(account.zone).date()
        read |= {"as_of": began, "earliest": dt.datetime.combine(day, dt.time.min, account.zone)}
    return read


def _read_json(account: Account, content: bytes) -> dict[str, Any]:
    """Return the values of a body of POST /api/zapier/open-items, or of its array of items."""
    try:
        data = LargeJSONParser().parse(io.BytesIO(content))
        return OpenItemsIn.checked({"items": data} if isinstance(data, list) else data, account=account)
    except ValidationError as error:
        place, text = next(_faults(error.detail))
        message = _("The list is not valid: %(place)s: %(reason)s") % {"place": place or "–", "reason": text}
        raise UnreadableFile(message) from error
    except APIException as error:
        raise UnreadableFile(str(error.detail)) from error


def _faults(detail: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the faulty fields, each with its reason."""
    if isinstance(detail, ErrorDetail):
        yield place, str(detail)
        return
    parts = detail.items() if isinstance(detail, dict) else (("", each) for each in detail)
    for name, part in parts:
        yield from _faults(part, f"{place}.{name}".strip("."))
