"""Exports that take too long for a request: a worker writes them in turns of a few seconds, so that imports and
forecasts get their turns in between.

The first turn stores the keys of the rows in the list's order; the following ones write the rows, one part after
another. The state is in the database: when a worker dies, its claim expires, and the next one continues after the last
part.
"""

import datetime as dt
import itertools
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.http import HttpRequest, QueryDict
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from inflow import sheets, turns
from inflow.accounts.models import User
from inflow.celery import wake
from inflow.dashboard.core import exporting
from inflow.dashboard.core.errors import AccessRevoked, TooManyExports
from inflow.dashboard.core.listing import cleaned
from inflow.dashboard.models import AT_WORK, Export, ExportPart, ExportState, PartKind

log = structlog.get_logger(__name__)

TURN_S = 5.0
LEASE = dt.timedelta(seconds=120)
KEPT = dt.timedelta(days=1)
MOST_AT_WORK, MOST_KEPT, MOST_ATTEMPTS = 3, 10, 3
_PIECE = 512 * 1024
_TASK = "inflow.dashboard.tasks.work_on_export"


# --- Requests of a person ----------------------------------------------------------------------------------------


def start(person: User, model: Any, form: str, query: str) -> Export:
    """Return the export of this list. One that is in progress already is not started again."""
    own = of(person)
    same: Export | None = own.filter(model=model._meta.label_lower, form=form, query=query, state__in=AT_WORK).first()
    if same:
        return same
    if own.filter(state__in=AT_WORK).count() >= MOST_AT_WORK:
        raise TooManyExports
    oldest = list(own.exclude(state__in=AT_WORK).values_list("pk", flat=True)[MOST_KEPT - 1 :])
    Export.objects.filter(pk__in=oldest).delete()
    return Export.objects.create(
        person=person,
        account_id=_account_of(person),
        model=model._meta.label_lower,
        form=form,
        query=query,
        language=translation.get_language() or "en",
        file_name=exporting.file_name_of(model, form),
        expires_at=timezone.now() + KEPT,
    )


def of(person: User) -> Any:
    """Return the exports that this person started with their present rights, the newest first."""
    return Export.objects.filter(person=person, account=_account_of(person), expires_at__gt=timezone.now())


def _account_of(person: User) -> uuid.UUID | None:
    """Return the account whose rows the person's lists show; None for platform staff, who see all."""
    return None if person.is_superuser else person.account_id


def may_have(export: Export) -> bool:
    """Tell whether the person may still see the list, and so the file."""
    model_admin, request = _list_of(export)
    return bool(model_admin.has_view_permission(request))


def content_of(export: Export, kind: PartKind = PartKind.CONTENT) -> Iterator[bytes]:
    """Yield the file in pieces, or the parts of another kind."""
    number = 0
    while part := export.parts.filter(kind=kind, number=number).values_list("content", flat=True).first():
        yield zlib.decompress(part)
        number += 1


def offer(export: Export) -> None:
    """Schedule the next turn of a worker."""
    wake(_TASK, str(export.pk), turns.release_name(export.claimed_until))


# --- Turns of a worker -------------------------------------------------------------------------------------------


def waiting() -> list[Export]:
    """Return the unfinished exports that no worker has claimed."""
    return list(Export.objects.filter(turns.unclaimed(), state__in=AT_WORK))


def forget_old() -> int:
    deleted: int = Export.objects.filter(expires_at__lte=timezone.now()).delete()[0]
    return deleted


def work(export_id: uuid.UUID, release: str | None = None, turn_s: float = TURN_S) -> bool:
    """Do one turn. Return whether more turns are needed."""
    claimed = Export.objects.filter(turns.unclaimed(release), pk=export_id, state__in=AT_WORK).update(
        claimed_until=timezone.now() + LEASE, state=ExportState.RUNNING, attempts=F("attempts") + 1
    )
    if not claimed:
        return False
    export = Export.objects.select_related("person__account").get(pk=export_id)
    account = export.person.account
    try:
        with translation.override(export.language), timezone.override(account.zone if account else None):
            _turn(export, time.monotonic() + turn_s)
    except AccessRevoked:
        _fail(export, _("You may no longer view this list."))
    except (OperationalError, InterfaceError):
        raise  # the sweep offers it again
    except Exception:
        log.exception("export_failed", export=str(export.pk), attempts=export.attempts)
        if export.attempts >= MOST_ATTEMPTS:
            _fail(export, _("Something went wrong on our side. The error has been logged."))
        return False
    _save(export, claimed_until=timezone.now(), attempts=0)
    if export.is_at_work:
        offer(export)
    return export.is_at_work


def _turn(export: Export, until: float) -> None:
    is_same_account = export.person.is_active and export.account_id == _account_of(export.person)
    if not (is_same_account and may_have(export)):
        raise AccessRevoked
    if export.rows_total is None:
        _store_keys(export)
    while export.parts_done * settings.EXPORT_PART_ROWS < (export.rows_total or 0) or not export.parts_done:
        _write_part(export)
        if time.monotonic() > until:
            return
    _finish(export)


def _store_keys(export: Export) -> None:
    rows = exporting.listed(*_list_of(export)).queryset.values_list("pk", flat=True)
    keys = rows.iterator(chunk_size=settings.EXPORT_PART_ROWS)
    total = 0
    with transaction.atomic():
        export.parts.all().delete()
        for number in itertools.count():
            chunk = [str(key) for key in itertools.islice(keys, settings.EXPORT_PART_ROWS)]
            if not chunk:
                break
            _add(export, PartKind.KEYS, number, "\n".join(chunk).encode())
            total += len(chunk)
        _save(export, rows_total=total)


def _write_part(export: Export) -> None:
    number, sheet = export.parts_done, exporting.sheet_of(*_list_of(export))
    with transaction.atomic():
        lines = sheet.lines(_rows(export, number, sheet))
        if export.form == "xlsx":
            from inflow.dashboard.core import workbooks

            headings = [sheet.headings] if number == 0 else []
            _add(export, PartKind.ROWS, number, workbooks.rows_part([*headings, *lines]))
        else:
            content = b"".join(sheets.csv_parts(sheet.headings, lines, begins=number == 0))
            _add(export, PartKind.CONTENT, number, content)
        done = min(export.rows_total or 0, (number + 1) * settings.EXPORT_PART_ROWS)
        _save(export, parts_done=number + 1, rows_done=done, claimed_until=timezone.now() + LEASE)


def _finish(export: Export) -> None:
    if export.form == "xlsx":
        from inflow.dashboard.core import workbooks

        with workbooks.assembled(content_of(export, PartKind.ROWS)) as file, transaction.atomic():
            export.parts.filter(kind=PartKind.CONTENT).delete()
            for number, piece in enumerate(iter(lambda: file.read(_PIECE), b"")):
                _add(export, PartKind.CONTENT, number, piece)
    export.parts.exclude(kind=PartKind.CONTENT).delete()
    _save(export, state=ExportState.DONE)


def _fail(export: Export, why: str) -> None:
    export.parts.all().delete()
    _save(export, state=ExportState.FAILED, failure=why, claimed_until=None)


def _rows(export: Export, number: int, sheet: exporting.Sheet) -> Iterable[Any]:
    """Return the present rows of a part, in the list's order. Deleted rows are left out."""
    part = export.parts.filter(kind=PartKind.KEYS, number=number).values_list("content", flat=True).first()
    keys = zlib.decompress(part).decode().split("\n") if part else []
    model_admin, request = _list_of(export)
    relations = model_admin.get_list_select_related(request)  # as the list itself does
    rows = model_admin.get_queryset(request).filter(pk__in=keys).order_by()
    rows = sheet.related(rows.select_related(*relations) if relations else rows)
    found = {str(row.pk): row for row in model_admin.with_figures(request, rows)}
    return [found[key] for key in keys if key in found]


def _add(export: Export, kind: PartKind, number: int, content: bytes) -> None:
    ExportPart.objects.create(export=export, kind=kind, number=number, content=zlib.compress(content))


def _save(export: Export, **values: Any) -> None:
    for name, value in values.items():
        setattr(export, name, value)
    export.save(update_fields=values)


def _list_of(export: Export) -> tuple[Any, HttpRequest]:
    """Return the page of the list, and the person's request for it."""
    admin.autodiscover()  # a worker has not loaded the pages
    request = HttpRequest()
    request.method, request.user = "GET", export.person
    request.GET = cleaned(QueryDict(export.query))  # type: ignore[assignment]
    return admin.site.get_model_admin(apps.get_model(export.model)), request
