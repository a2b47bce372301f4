"""Rows of PUT and of bulk: register an invoice, or amend the one with its number."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from rest_framework import serializers

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import error_of
from inflow.canonical import canonical
from invoices import lifecycle
from invoices.api.refusals import refusals_as_problems
from invoices.api.serializers import InvoiceIn, InvoicePut
from invoices.models import Invoice

_REQUIRED = [name for name, field in InvoiceIn().fields.items() if field.required]


def new_invoice(account: Account, body: Any, *, upsert: bool) -> lifecycle.NewInvoice:
    """Return the values of a row that registers an invoice. Raise ValidationError if they are invalid."""
    if not upsert:
        return lifecycle.NewInvoice(**InvoiceIn.checked(body, account=account))
    data = InvoicePut.checked(body, account=account)
    data.pop("reopen", None)
    if missing := [name for name in _REQUIRED if name not in data]:
        raise _required(missing)
    return lifecycle.NewInvoice(**data)


def number_of(body: Any) -> str:
    """Return the canonical number of a row, or "" if it has none."""
    number = body.get("invoice_number") if isinstance(body, Mapping) else None
    return canonical(str(number)) if isinstance(number, str | int) else ""


def known(account: Account, rows: Sequence[Any]) -> dict[str, Invoice]:
    """Return the invoices that have the numbers of these rows, also cancelled ones, by number."""
    numbers = {number_of(row) for row in rows}
    found = Invoice.objects.for_account(account).numbered(*numbers)
    return {each.invoice_number: each for each in found.prefetch_related("debtor__external_ids")}


def numbered(body: Any, number: str) -> Any:
    """Return the body with the number of the address. Raise ValidationError if the body has another one."""
    if not isinstance(body, Mapping):
        return body
    given = body.get("invoice_number")
    if given not in ("", None) and canonical(str(given)) != canonical(number):
        message = _("invoice_number and the number in the address must agree: send it once, or the same number twice.")
        raise error_of("invoice_number", "contradiction", message)
    return {**body, "invoice_number": number}


class Row(NamedTuple):
    """The values of a row, and the names of those that it has itself."""

    new: lifecycle.NewInvoice
    given: set[str]
    reopen: bool


def parsed(account: Account, body: Any, seen: Invoice | None = None) -> Row:
    """Return the row. The invoice with its number is read unless it was `seen`. Raise ValidationError if invalid."""
    data = InvoicePut.checked(body, account=account)
    given, reopen = set(data), data.pop("reopen", False)
    number = data.get("invoice_number", "")
    if missing := [name for name in _REQUIRED if name not in data]:
        found = seen or (Invoice.objects.for_account(account).numbered(number).first() if number else None)
        if found is None:
            raise _required(missing)
        data |= {name: getattr(found, name) for name in missing}
    return Row(lifecycle.NewInvoice(**data), given, reopen)


def upsert(account: Account, actor: Actor, row: Row) -> tuple[Invoice, lifecycle.Outcome, dict[str, Any]]:
    """Return the invoice, what was done, and the values that are not the invoice's and were left as they are."""
    new, given, reopen = row
    with refusals_as_problems():
        moment = new.source_updated_at
        invoice, outcome = lifecycle.upsert(account, new, given, actor, reopen=reopen, source_updated_at=moment)
    if "amount_paid" in given and new.amount_paid < invoice.amount_paid:
        return invoice, outcome, {"amount_paid": {"given": new.amount_paid, "recorded": invoice.amount_paid}}
    return invoice, outcome, {}


def _required(names: Sequence[str]) -> serializers.ValidationError:
    required = serializers.ErrorDetail(_("This field is required."), "required")
    return serializers.ValidationError({name: [required] for name in names})
