"""Stored forecasts of large accounts. A worker computes them, and pages and the API show the last one."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, overload

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from communications.engine import forecast, sandbox
from communications.engine.errors import ForecastBusy
from communications.engine.forecast import Entry
from communications.models import ForecastPart, StoredForecast
from inflow import turns
from inflow.accounts.models import Account
from inflow.celery import wake
from invoices.models import OPEN, Invoice

log = structlog.get_logger(__name__)

# The number of open invoices up to which a request computes the forecast itself.
LARGE = 50
# Time limits of a request, of a worker and of one SQL statement.
REQUEST_SECONDS, WORKER_SECONDS, STATEMENT_SECONDS = 4.0, 120.0, 30
LEASE = dt.timedelta(seconds=WORKER_SECONDS + 120)
# After this time the next reader gets the old forecast and starts the computation of a new one.
FRESH_FOR = dt.timedelta(minutes=10)
KEEP_FOR = dt.timedelta(days=1)
PART_SIZE = 500
RETRY_AFTER_SECONDS = 15
_TASK = "inflow.dashboard.tasks.compute_forecast"


def is_large(account: Account) -> bool:
    open_ones = Invoice.objects.for_account(account).filter(status__in=OPEN)
    return len(open_ones.order_by().values("pk")[: LARGE + 1]) > LARGE


def latest(account: Account, days: int) -> StoredForecast | None:
    """Return the last computed forecast. Request a new one if it is old or missing."""
    now = timezone.now()
    computed = StoredForecast.objects.filter(account=account, days=days, computed_at__gt=now - KEEP_FOR)
    last: StoredForecast | None = computed.order_by("-computed_at").first()
    if last is None or last.computed_at is None or last.computed_at < now - FRESH_FOR:
        request(account, days)
    return last


def get(account: Account, forecast_id: int) -> StoredForecast | None:
    """Return a computed forecast by its id, for the pages after the first, or None if it was deleted."""
    computed = StoredForecast.objects.filter(account=account, pk=forecast_id)
    found: StoredForecast | None = computed.exclude(computed_at=None).first()
    return found


def is_pending(account: Account) -> bool:
    return StoredForecast.objects.filter(account=account, computed_at=None).exists()


def request(account: Account, days: int) -> None:
    """Request a forecast. An account has one pending forecast; requests for other periods must be repeated."""
    try:
        with transaction.atomic():
            made = StoredForecast.objects.create(account=account, days=days)
    except IntegrityError:
        return
    transaction.on_commit(lambda: offer(made.pk))


def offer(forecast_id: int) -> None:
    wake(_TASK, forecast_id)


def waiting() -> list[int]:
    """Return the ids of pending forecasts that no worker has claimed."""
    return list(StoredForecast.objects.filter(turns.unclaimed(), computed_at=None).values_list("pk", flat=True))


def compute(forecast_id: int, seconds: float = WORKER_SECONDS) -> bool:
    """Compute and store a pending forecast. Return True on success."""
    rows = StoredForecast.objects.filter(turns.unclaimed(), pk=forecast_id, computed_at=None)
    if not rows.update(claimed_until=timezone.now() + LEASE):
        return False
    stored = StoredForecast.objects.select_related("account").get(pk=forecast_id)
    begun = timezone.now()
    try:
        found = forecast.forecast(
            stored.account, stored.days, deadline=sandbox.Deadline(seconds), statement_seconds=STATEMENT_SECONDS
        )
    except ForecastBusy:
        StoredForecast.objects.filter(pk=forecast_id).update(claimed_until=None)  # a periodic task offers it again
        return False
    except Exception:
        log.exception("forecast_failed", account=str(stored.account_id), days=stored.days)
        StoredForecast.objects.filter(pk=forecast_id).delete()  # the next reader requests it again
        return False
    with transaction.atomic():
        parts = range(0, len(found.entries), PART_SIZE)
        for number, start in enumerate(parts):
            packed = [_packed(entry) for entry in found.entries[start : start + PART_SIZE]]
            ForecastPart.objects.create(forecast=stored, number=number, entries=packed)
        StoredForecast.objects.filter(pk=forecast_id).update(
            computed_at=begun, until=found.until, is_whole=found.is_whole, count=len(found.entries), claimed_until=None
        )
        # Keep the previous forecast: its pages may still be read.
        computed = StoredForecast.objects.filter(account=stored.account, days=stored.days, computed_at__isnull=False)
        older = list(computed.order_by("-computed_at").values_list("pk", flat=True)[2:])
        StoredForecast.objects.filter(pk__in=older).delete()
    return True


def delete_old() -> int:
    deleted: int = StoredForecast.objects.filter(computed_at__lt=timezone.now() - KEEP_FOR).delete()[0]
    return deleted


def timestamp(computed_at: dt.datetime) -> str:
    """Return the time as in the header X-Computed-At: ISO 8601 in UTC, with seconds."""
    return computed_at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Entries(Sequence[Entry]):
    """The entries of a stored forecast. A slice reads only the parts that it overlaps."""

    def __init__(self, stored: StoredForecast) -> None:
        self._stored = stored

    def __len__(self) -> int:
        return self._stored.count

    @overload
    def __getitem__(self, place: int) -> Entry: ...

    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...

    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, int):
            return self[place : place + 1][0]
        start, stop, _step = place.indices(len(self))
        if start >= stop:
            return []
        first = start // PART_SIZE
        parts = self._stored.parts.filter(number__gte=first, number__lte=(stop - 1) // PART_SIZE).order_by("number")
        packed = [entry for entries in parts.values_list("entries", flat=True) for entry in entries]
        return [_entry(each) for each in packed[start - first * PART_SIZE : stop - first * PART_SIZE]]


def _packed(entry: Entry) -> list[Any]:
    values = list(dataclasses.asdict(entry).values())
    return [value.isoformat() if isinstance(value, dt.datetime) else _plain(value) for value in values]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


def _entry(packed: list[Any]) -> Entry:
    invoice_id, number, debtor, at, *rest = packed
    return Entry(uuid.UUID(invoice_id), number, debtor, dt.datetime.fromisoformat(at), *rest)
