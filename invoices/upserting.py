"""Registration or amendment of an invoice by its number, as an ERP's synchronization does it."""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from invoices import receipts
from invoices.amending import again_if_changed, amended
from invoices.drafts import AMENDABLE, Draft
from invoices.errors import CancelledNumber, Changed, Refused
from invoices.models import Invoice, Receipt, ReceiptStatus
from invoices.registering import NewInvoice, create
from invoices.writing import check_money


class Outcome(StrEnum):
    CREATED = "created"
    AMENDED = "amended"
    UNCHANGED = "unchanged"
    REOPENED = "reopened"


@again_if_changed
def upsert(
    account: Account,
    new: NewInvoice,
    given: Collection[str],
    actor: Actor,
    *,
    reopen: bool = False,
    source_updated_at: dt.datetime | None = None,
    reason: str = "",
) -> tuple[Invoice, Outcome]:
    """Register the invoice, or amend the one with its number by the fields of `new` that are named in `given`.

    A cancelled invoice raises `CancelledNumber`, or is reopened if `reopen` is set. `amount_paid` is a floor: what
    exceeds the recorded payments is posted as one opening payment, and nothing is removed.
    """
    number = canonical(new.invoice_number)
    found = Invoice.objects.for_account(account).numbered(number).first()
    if found is None:
        try:
            return create(account, new._replace(source_updated_at=source_updated_at), actor), Outcome.CREATED
        except Refused as refused:
            if (refused.field, refused.code) == ("invoice_number", "duplicate"):  # registered meanwhile
                raise Changed from refused
            raise
    if found.cancelled_at and not reopen:
        message = _('Invoice %(number)s is cancelled. To reopen it, send "reopen": true.')
        raise CancelledNumber("invoice_number", "cancelled", message % {"number": number})
    if "currency" in given and new.currency != found.currency:
        message = _("The currency of invoice %(number)s is %(currency)s and can't be changed.")
        raise Refused("currency", "read_only", message % {"number": number, "currency": found.currency})
    changes = {name: _value(new, name) for name in (*AMENDABLE, "notes", "debtor_external_id") if name in given}
    with amended(
        account,
        found.pk,
        actor,
        changes,
        source_updated_at=source_updated_at,
        reason=reason,
        reopens=bool(found.cancelled_at),
    ) as draft:
        before = draft.invoice.version
        if "amount_paid" in given:
            _post_excess(draft, new.amount_paid)
    if found.cancelled_at:
        return draft.invoice, Outcome.REOPENED
    return draft.invoice, Outcome.UNCHANGED if draft.invoice.version == before else Outcome.AMENDED


def is_unchanged(invoice: Invoice, new: NewInvoice, given: Collection[str]) -> bool:
    """Return True if `upsert` would change nothing of the invoice, as it was read. It may be read with its debtor."""
    values = {name: _value(new, name) for name in (*AMENDABLE, "notes", "currency") if name in given}
    if invoice.cancelled_at or any(getattr(invoice, name) != value for name, value in values.items()):
        return False
    if new.source_updated_at not in (None, invoice.source_updated_at) or new.amount_paid > invoice.amount_paid:
        return False
    external_id = canonical(new.debtor_external_id)
    return not external_id or any(each.external_id == external_id for each in invoice.debtor.external_ids.all())


def _value(new: NewInvoice, name: str) -> Any:
    value = getattr(new, name)
    if name == "metadata":
        return {**(value or {})}
    return [*value] if name in ("tags", "contacts") else value


def _post_excess(draft: Draft, amount: Decimal) -> None:
    """Post what exceeds the payments recorded on the invoice, or from elsewhere, as an opening payment."""
    invoice = draft.invoice
    posted = Receipt.objects.filter(posted_on=invoice, status=ReceiptStatus.STANDING)
    known = {receipt.pk: receipt.amount for receipt in posted}
    for source, share, _is_whole in receipts.covering(invoice):
        if isinstance(source, Receipt):
            known.setdefault(source.pk, share)
    excess = amount - sum(known.values(), Decimal(0))
    if excess > 0:
        check_money("amount_paid", amount, invoice.currency)
        draft.post(excess, paid_at=draft.account.today(), method=receipts.OPENING)
