"""Comparison of a row with the invoice that has its number."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from invoices import lifecycle
from invoices.debtors import debtors
from invoices.models import DebtorExternalId, Invoice


def external_ids(invoices: Iterable[Invoice]) -> dict[Any, list[str]]:
    """Return the external ids of the invoices' debtors by the debtor's id."""
    rows = DebtorExternalId.objects.filter(debtor__in={invoice.debtor_id for invoice in invoices}).order_by("id")
    found: dict[Any, list[str]] = {}
    for debtor_id, external_id in rows.values_list("debtor_id", "external_id"):
        found.setdefault(debtor_id, []).append(external_id)
    return found


def changes_of(
    invoice: Invoice, new: lifecycle.NewInvoice, given: Collection[str], ids: Collection[str]
) -> dict[str, Any]:
    """Return the new value of each field in `given` that differs. `ids` are the debtor's external ids.

    Raise `Stale` if the source has sent a newer change before, and `Refused` if the invoice is closed.
    """
    if new.source_updated_at:
        lifecycle.check_source(invoice, new.source_updated_at)
    names = [name for name in (*lifecycle.AMENDABLE, "notes", "source_updated_at") if name in given]
    pairs = ((name, getattr(new, name)) for name in names)
    changes = {name: value for name, value in pairs if _folded(name, value) != _folded(name, getattr(invoice, name))}
    if new.debtor_external_id and new.debtor_external_id not in ids and invoice.is_open:
        changes["debtor_external_id"] = new.debtor_external_id
    if facts := [name for name in changes if name not in ("notes", "source_updated_at")]:
        lifecycle.check_open(invoice, facts[0])
    return changes


def shown(invoice: Invoice, changes: Mapping[str, Any], ids: Collection[str]) -> dict[str, list[str]]:
    """Return the old and the new value of each change as text."""
    before = {name: getattr(invoice, name, "") for name in changes} | {"debtor_external_id": ids}
    return {name: [_text(before[name]), _text(value)] for name, value in changes.items()}


def debtor_names(invoice: Invoice, new: lifecycle.NewInvoice, changes: Collection[str]) -> lifecycle.NewInvoice | None:
    """Return the names by which the changed invoice's debtor is found, or None if the debtor stays."""
    if not {"debtor_name", "debtor_company", "debtor_external_id"}.intersection(changes):
        return None
    kept = ("debtor_name", "debtor_company", "debtor_email", "debtor_phone")
    values: dict[str, Any] = {name: getattr(invoice, name) for name in kept if name not in changes}
    if "debtor_external_id" not in changes:
        values["debtor_external_id"] = ""
    return new._replace(**values)


def _folded(name: str, value: Any) -> Any:
    """Return the value without differences in spaces and, for an email, in case."""
    if name == "tags":
        return sorted(value)
    text = " ".join(value.split()) if isinstance(value, str) else value
    return debtors.normalise_email(text) if name == "debtor_email" else text


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return ", ".join(value) if isinstance(value, list | tuple) else str(value or "")
