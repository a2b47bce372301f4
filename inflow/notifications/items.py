"""Content of notifications, read when the mail is rendered from the rows that they are about."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format

from communications.models import Reply
from inflow.notifications.models import Kind, Notification
from invoices import money
from invoices.models import Escalation, Invoice, Note, Promise
from invoices.models.imports import Import, Phase


@dataclass(frozen=True, slots=True)
class Item:
    """One notification in a mail. The templates have its sentence in each language."""

    kind: str
    url: str
    facts: dict[str, Any]


def of(notification: Notification) -> Item | None:
    """Return the item, or None if its row is gone."""
    read = _READERS[Kind(notification.kind)]
    found = read(notification.target) if notification.target else None
    if found is None:
        return None
    page, pk, facts = found
    part = "#notes" if notification.kind == Kind.MENTION else ""
    return Item(notification.kind, link(f"admin:{page}_change", pk, query=part), facts)


def link(name: str, *args: Any, query: str = "") -> str:
    return settings.BASE_URL + reverse(name, args=args) + query


# The page, the key of its row, and the facts.
_Found = tuple[str, uuid.UUID, dict[str, Any]] | None


def _reply(pk: uuid.UUID) -> _Found:
    reply = Reply.objects.filter(pk=pk).select_related("debtor").first()
    if reply is None:
        return None
    return "communications_reply", pk, {"debtor": str(reply.debtor or reply.address), "channel": reply.channel}


def _dispute(pk: uuid.UUID) -> _Found:
    invoice = Invoice.objects.filter(pk=pk).first()
    return ("invoices_invoice", pk, _of_invoice(invoice)) if invoice else None


def _case(pk: uuid.UUID) -> _Found:
    case = Escalation.objects.filter(pk=pk).select_related("invoice").first()
    if case is None:
        return None
    facts = {**_of_invoice(case.invoice), "level": case.level, "reason": case.get_reason_display()}
    return "invoices_escalation", pk, facts


def _broken_promise(pk: uuid.UUID) -> _Found:
    promise = Promise.objects.filter(pk=pk).select_related("invoice").first()
    if promise is None:
        return None
    facts = {
        "promised": money.display(promise.amount, promise.invoice.currency),
        "day": date_format(promise.promised_on),
    }
    return "invoices_promise", pk, {**_of_invoice(promise.invoice), **facts}


def _mention(pk: uuid.UUID) -> _Found:
    note = Note.objects.filter(pk=pk).select_related("invoice", "debtor").first()
    if note is None:
        return None
    facts = {"author": note.author, "text": note.text}
    if note.invoice:
        return "invoices_invoice", note.invoice.pk, {**_of_invoice(note.invoice), **facts}
    assert note.debtor is not None
    return "invoices_debtor", note.debtor.pk, {"debtor": str(note.debtor), **facts}


def _import(pk: uuid.UUID) -> _Found:
    file = Import.objects.filter(pk=pk).defer("content").first()
    if file is None:
        return None
    return "invoices_import", pk, {"file": file.file_name, "has_failed": file.phase == Phase.FAILED}


def _of_invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "number": invoice.invoice_number,
        "debtor": invoice.debtor_company or invoice.debtor_name,
        "balance": money.display(invoice.balance, invoice.currency),
    }


_READERS: dict[Kind, Callable[[uuid.UUID], _Found]] = {
    Kind.REPLY: _reply,
    Kind.DISPUTE: _dispute,
    Kind.CASE: _case,
    Kind.BROKEN_PROMISE: _broken_promise,
    Kind.MENTION: _mention,
    Kind.IMPORT: _import,
}
