"""Rows of PUT and of bulk: register an invoice, or amend the one with its number."""

from collections.abc import Mapping
from typing import Any

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


def create(account: Account, actor: Actor, body: Any) -> Invoice:
    new = lifecycle.NewInvoice(**InvoiceIn.checked(body, account=account))
    with refusals_as_problems():
        return lifecycle.create(account, new, actor)


def numbered(body: Any, number: str) -> Any:
    """Return the body with the number of the address. Raise ValidationError if the body has another one."""
    if not isinstance(body, Mapping):
        return body
    given = body.get("invoice_number")
    if given not in ("", None) and canonical(str(given)) != canonical(number):
        message = _("invoice_number and the number in the address must agree: send it once, or the same number twice.")
        raise error_of("invoice_number", "contradiction", message)
    return {**body, "invoice_number": number}


def upsert(account: Account, actor: Actor, body: Any) -> tuple[Invoice, lifecycle.Outcome, dict[str, Any]]:
    """Return the invoice, what was done, and the values that are not the invoice's and were left as they are."""
    data = InvoicePut.checked(body, account=account)
    given, reopen = set(data), data.pop("reopen", False)
    number = data.get("invoice_number", "")
    if missing := [name for name in _REQUIRED if name not in data]:
        found = Invoice.objects.for_account(account).numbered(number).first() if number else None
        if found is None:
            required = serializers.ErrorDetail(_("This field is required."), "required")
            raise serializers.ValidationError({name: [required] for name in missing})
        data |= {name: getattr(found, name) for name in missing}
    new = lifecycle.NewInvoice(**data)
    with refusals_as_problems():
        moment = new.source_updated_at
        invoice, outcome = lifecycle.upsert(account, new, given, actor, reopen=reopen, source_updated_at=moment)
    if "amount_paid" in given and new.amount_paid < invoice.amount_paid:
        return invoice, outcome, {"amount_paid": {"given": new.amount_paid, "recorded": invoice.amount_paid}}
    return invoice, outcome, {}
