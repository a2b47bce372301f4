"""The invoice or debtor that a note, a task or a file is about."""

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import Model

from inflow.accounts.models import Account
from invoices.debtors import aliases
from invoices.errors import NotFound
from invoices.models import Debtor, Invoice

M = TypeVar("M", bound=Model)


def create_once(model: type[M], key: uuid.UUID | None, values: Mapping[str, Any], **content: Any) -> tuple[M, bool]:
    """Create a row, whose id is the key of the form that was submitted, unless it was created before.

    Return the row and whether it is new. `content` is what the form says and what it is about: a form that says
    something else by now, such as after the browser's Back, creates another row.
    """
    rows = model._default_manager
    if key:
        try:
            return rows.get_or_create(pk=key, **content, defaults=values)
        except IntegrityError:
            pass
    return rows.create(**content, **values), True


def find(account: Account, invoice_id: uuid.UUID | None, debtor_id: uuid.UUID | None) -> dict[str, Any]:
    """Return the field and its row, which for a merged debtor is the remaining one. Raise `NotFound`."""
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
