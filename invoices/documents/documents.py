"""The document of an invoice: attach, replace, remove, and read it."""

import hashlib
import re
import uuid
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from django.db.models import OuterRef
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import account_scope
from invoices import money, timeline
from invoices.debtors import parties
from invoices.documents import contents, files, storage
from invoices.errors import NotFound, Refused
from invoices.models import Document, DocumentKind, Invoice

# ASCII characters that a file name should not have, in a form that PostgreSQL reads alike.
UNSAFE = r"""[ !"#$%&'()*,/:;<=>?@\[\\\]^`{|}~]+"""
_unsafe = re.compile(UNSAFE)
_EXTENSIONS = {DocumentKind.PDF: "pdf", DocumentKind.UBL: "xml"}
# The current document of the outer query's invoice, and the one that its debtor may get.
CURRENT = Document.objects.filter(invoice=OuterRef("pk"), superseded_at=None)
FOR_DEBTOR = CURRENT.filter(party=OuterRef("party"))
MEDIA_TYPES = {DocumentKind.PDF: "application/pdf", DocumentKind.UBL: "application/xml"}


def attach(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    content: bytes,
    name: str = "",
    *,
    kind: DocumentKind | None = None,
) -> Document:
    """Attach a document to an invoice and replace the current one, unless it is the same. Raise `Refused` if the
    content is not a document, or not of the given kind. The same one is confirmed for the invoice's party."""
    party = Invoice.objects.for_account(account).filter(pk=invoice_id).values_list("party", flat=True).first()
    if party is None:
        raise NotFound
    checked = contents.check(content, kind)
    digest = hashlib.sha256(content).hexdigest()
    same: Document | None = Document.objects.filter(invoice=invoice_id, superseded_at=None, sha256=digest).first()
    if same and same.party == party:
        return same
    stored_as = _save(account, checked.kind, content) if same is None else ""
    with account_scope(account):
        invoice = _lock(account, invoice_id)
        current = of(invoice)
        if current and current.sha256 == digest:  # for another party, or attached meanwhile
            return _confirm(current, invoice, actor)
        if same:  # replaced meanwhile
            stored_as = _save(account, checked.kind, content)
        if current:
            current.superseded_at = timezone.now()
            current.save(update_fields=["superseded_at"])
        document: Document = Document.objects.create(
            account=account,
            invoice=invoice,
            kind=checked.kind,
            file_name=files.name_of(name, file_name(invoice.invoice_number, checked.kind)),
            size=len(content),
            sha256=digest,
            content=checked.values,
            party=invoice.party,
            stored_as=stored_as,
            uploaded_by=actor.name,
        )
        storage.insert(document, content)
        timeline.note(invoice, "document_replaced" if current else "document_attached", actor, file=document.file_name)
    return document


def _save(account: Account, kind: DocumentKind, content: bytes) -> str:
    """Save the file and return its name in the storage; "" means that the database stores it."""
    return storage.save(account.pk, _EXTENSIONS[kind], content)


def confirm(account: Account, invoice_id: uuid.UUID, actor: Actor) -> Document | None:
    """Let the debtor get the current document, which was attached while the invoice named another party."""
    with account_scope(account):
        invoice = _lock(account, invoice_id)
        document = of(invoice)
        return _confirm(document, invoice, actor) if document else None


def _confirm(document: Document, invoice: Invoice, actor: Actor) -> Document:
    if not document.is_for(invoice):
        document.party = invoice.party
        document.save(update_fields=["party"])
        timeline.note(invoice, "document_confirmed", actor, file=document.file_name)
    return document


def remove(account: Account, invoice_id: uuid.UUID, actor: Actor, *, reason: str = "") -> None:
    """Remove the current document and delete its file, such as one of another party. Raise `Refused` without one."""
    with account_scope(account):
        invoice = _lock(account, invoice_id)
        document = of(invoice)
        if document is None:
            raise Refused("document", "none", _("The invoice has no document."))
        document.superseded_at = document.removed_at = timezone.now()
        document.save(update_fields=["superseded_at", "removed_at"])
        timeline.note(invoice, "document_removed", actor, reason=reason, file=document.file_name)
        storage.delete(document)


def of(invoice: Invoice) -> Document | None:
    """Return the current document of an invoice."""
    return current([invoice.pk]).get(invoice.pk)


def current(invoice_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Document]:
    """Return the current documents by invoice, without their data."""
    found = Document.objects.filter(invoice__in=list(invoice_ids), superseded_at=None)
    return {document.invoice_id: document for document in found}


def for_debtors(invoices: Iterable[Invoice]) -> dict[uuid.UUID, Document]:
    """Return the current documents that may be sent and shown to the debtors, by invoice."""
    by_id = {invoice.pk: invoice for invoice in invoices}
    return {pk: document for pk, document in current(by_id).items() if document.is_for(by_id[pk])}


def file_name(number: str, kind: str) -> str:
    """Return a safe file name with the invoice's number: "INV/2026 7" becomes "INV-2026-7.pdf"."""
    return f"{stem(number)}.{_EXTENSIONS[DocumentKind(kind)]}"


def stem(number: str) -> str:
    return _unsafe.sub("-", number).strip(".-") or "invoice"


def response(document: Document | None, number: str) -> HttpResponse | None:
    """Return a response that makes a browser save the document, never show it. Return None if there is no file."""
    data = storage.read(document) if document else None
    if document is None or data is None:
        return None
    kind = DocumentKind(document.kind)
    return files.download(data, file_name(number, kind), MEDIA_TYPES[kind])


def differences(document: Document, invoice: Invoice) -> list[tuple[str, str, str]]:
    """Return where an electronic invoice differs from the registered one: field, its value, the invoice's value."""
    values = document.content
    ours = {
        "number": ("invoice_number", invoice.invoice_number),
        "issue_date": ("issue_date", invoice.issue_date.isoformat()),
        "due_date": ("due_date", invoice.due_date.isoformat()),
        "currency": ("currency", invoice.currency),
    }
    found = [
        (field, values[name], value)
        for name, (field, value) in ours.items()
        if values.get(name) and canonical(values[name]) != value
    ]
    if (amount := values.get("amount")) and _amount(amount) != invoice.amount:
        found.append(("amount", amount, str(money.quantize(invoice.amount, invoice.currency))))
    if customer := values.get("customer"):
        names = [(invoice.debtor_name, invoice.debtor_company), (invoice.debtor_name, ""), (invoice.debtor_company, "")]
        if parties.of(customer, "").key not in {parties.of(*pair).key for pair in names}:
            found.append(("debtor_name", customer, invoice.debtor_company or invoice.debtor_name))
    return found


def _amount(text: str) -> Decimal | None:
    """Return the number of a text, or None if it is not one. A signaling NaN could not even be compared."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _lock(account: Account, invoice_id: uuid.UUID) -> Invoice:
    rows = Invoice.objects.for_account(account).select_for_update(no_key=True)
    invoice: Invoice | None = rows.filter(pk=invoice_id).first()
    if invoice is None:
        raise NotFound
    invoice.account = account
    return invoice
