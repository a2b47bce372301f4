"""Preview of an import: its rows, their results, and what can be done next."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from inflow.accounts.access import person
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.api.fields import MAX_DIGITS
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.pages import import_proposals
from invoices import money
from invoices.imports import mapping, phases
from invoices.imports.columns import label as column_label
from invoices.models.imports import Import, ImportRow, Kind, Outcome, Phase

# Agents may record payments, managers may also register invoices.
NEEDS = {Kind.INVOICES: Role.MANAGER, Kind.PAYMENTS: Role.AGENT}
ROWS_ON_A_PAGE = 100
PHASE_BADGES = {
    Phase.READING: "info",
    Phase.MAPPING: "warning",
    Phase.CHECKING: "info",
    Phase.CHECKED: "warning",
    Phase.RUNNING: "info",
    Phase.DONE: "success",
    Phase.FAILED: "danger",
}
OUTCOME_BADGES = {
    Outcome.NEW: "success",
    Outcome.CHANGED: "info",
    Outcome.PROPOSED: "warning",
    Outcome.REFUSED: "danger",
}


def may_import(user: User, kind: str) -> bool:
    return user.may(NEEDS[Kind(kind)])


def import_url(user: User, kind: Kind) -> str | None:
    """Return the address for uploading a file of this kind, if the person may import it."""
    return f"{reverse('admin:invoices_import_add')}?kind={kind}" if may_import(user, kind) else None


def preview(model_admin: OwnRowsAdmin, request: HttpRequest, file: Import) -> dict[str, Any]:
    counts = phases.counts(file)
    chosen = request.GET.get("outcome", "")
    rows = file.rows.filter(outcome=chosen) if chosen in Outcome.values else file.rows.exclude(outcome="")
    shown = Paginator(rows.order_by("line"), ROWS_ON_A_PAGE).get_page(request.GET.get("page"))
    return {
        "phase": phase_badge(file),
        "is_parsing": file.phase == Phase.READING and not counts["all"],
        "upload_url": import_url(person(request), Kind(file.kind)) if file.phase == Phase.FAILED else None,
        "counts": counts,
        "left": counts["to_do"] - counts["applied"],
        "progress": _progress(file, counts),
        "chips": [
            {"value": value, "label": label, "count": counts[value or "checked"], "is_chosen": value == chosen}
            for value, label in [("", _("All rows")), *Outcome.choices]
        ],
        "chosen": chosen,
        "page": shown,
        "rows": [_shown(file, row) for row in shown],
        "headings": _headings(file),
        "may_map": may_import(person(request), file.kind) and mapping.may_be_mapped(file),
        "columns_url": model_admin.url("columns", file.pk),
        "proposals": import_proposals.of(file, person(request)),
        "may_confirm": file.phase == Phase.CHECKED and may_import(person(request), file.kind),
        "confirm_url": model_admin.url("confirm", file.pk),
        "refused_url": model_admin.url("refused", file.pk),
        "list_url": reverse(f"admin:invoices_{'invoice' if file.kind == Kind.INVOICES else 'payment'}_changelist"),
        "list_title": file.get_kind_display(),
    }


def phase_badge(file: Import) -> str:
    return badge(file.get_phase_display(), PHASE_BADGES.get(Phase(file.phase), ""))


def _progress(file: Import, counts: dict[str, int]) -> dict[str, int] | None:
    """Return the progress, or None if it is unknown."""
    if file.phase == Phase.RUNNING:
        return {"done": counts["applied"], "of": counts["to_do"]}
    return {"done": counts["checked"], "of": counts["all"]} if file.phase == Phase.CHECKING else None


_SHOWN: dict[Kind, tuple[str, ...]] = {
    Kind.INVOICES: ("invoice_number", "debtor_name", "amount", "due_date"),
    Kind.PAYMENTS: ("invoice_number", "reference", "amount", "paid_at"),
}


def _headings(file: Import) -> list[str]:
    return [column_label(file.kind, name) for name in _SHOWN[Kind(file.kind)]]


def _shown(file: Import, row: ImportRow) -> dict[str, Any]:
    currency = row.said.get("currency") or (file.currency if file.kind == Kind.INVOICES else "")
    cells = [row.said.get(name, "") for name in _SHOWN[Kind(file.kind)]]
    amount = cells[2] or row.said.get("balance", "")
    is_raw = row.outcome in (Outcome.REFUSED, Outcome.REPEATED)
    cells[2] = f"{currency} {amount if is_raw else _figure(amount, currency)}".strip()
    return {
        "line": row.line,
        "cells": list(zip(_headings(file), cells, strict=True)),
        "badge": badge(row.get_outcome_display(), OUTCOME_BADGES.get(Outcome(row.outcome), "")),
        "is_applied": row.is_applied,
        "reason": row.reason,
        "changes": [
            {"label": column_label(file.kind, name), "before": before, "after": after}
            for name, (before, after) in row.changes.items()
            if row.outcome != Outcome.PROPOSED
        ],
    }


def _figure(text: str, currency: str) -> str:
    """Return an amount with separators; text that is not a number is returned unchanged."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return money.format_number(number, currency) if number.is_finite() and len(text) <= MAX_DIGITS + 2 else text
