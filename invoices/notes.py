"""Notes about invoices."""

import uuid

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import timeline
from invoices.errors import NotFound
from invoices.models import Invoice, Note

MAX_TEXT = 10_000


def add(account: Account, invoice_id: uuid.UUID, actor: Actor, text: str) -> Note:
    """Add a note to the invoice, whatever its status, and to its timeline. The invoice's version does not change."""
    with account_scope(account):
        invoice = Invoice.objects.for_account(account).filter(pk=invoice_id).first()
        if invoice is None:
            raise NotFound
        invoice.account = account
        note: Note = Note.objects.create(
            account=account, invoice=invoice, text=text, author=actor.name, at=account.now()
        )
        timeline.note(invoice, "note", actor, reason=text)
    return note
