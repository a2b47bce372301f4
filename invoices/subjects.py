"""The invoice or debtor that a note, a task or a file is about."""

import uuid
from typing import Any

from inflow.accounts.models import Account
from invoices.debtors import aliases
from invoices.errors import NotFound
from invoices.models import Debtor, Invoice


def find(account: Account, invoice_id: uuid.UUID | None, debtor_id: uuid.UUID | None) -> dict[str, Any]:
    """Return the field and the row of the account. For a merged debtor it is the one that replaces it."""
    if invoice_id:
        invoice = Invoice.objects.for_account(account).filter(pk=invoice_id).first()
        if invoice is None:
            raise NotFound
        invoice.account = account
        return {"invoice": invoice}
    debtor = Debtor.objects.for_account(account).filter(pk=debtor_id).first()
    if debtor is None:
        raise NotFound
    debtor.account = account
    return {"debtor": aliases.hold(debtor)}
