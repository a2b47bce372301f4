"""Documents of invoices in emails: those that fit are attached, the others are on the debtor's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from communications.models import CollectionSettings, Communication, Kind, Medium
from communications.portal import statement, texts
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.documents import documents, storage
from invoices.documents.bounds import MIB
from invoices.models import Document, DocumentKind, Invoice

MAX_BYTES = 5 * MIB  # of all attachments of an email
# Stands for the id of a document. The statement is rendered when the email is built.
STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Attachments:
    """Documents of a message: those that are `attached`, and whether others are left on the debtor's page."""

    attached: tuple[dict[str, Any], ...] = ()
    has_more: bool = False

    @property
    def has_statement(self) -> bool:
        return any(each["id"] == STATEMENT for each in self.attached)


def choose(account: Account, rows: Sequence[Communication], listed: Sequence[Invoice]) -> Attachments:
    """Return the attachments of an email that lists these invoices, in their order."""
    first = rows[0]
    if first.channel != Medium.EMAIL or first.kind == Kind.THANK_YOU:
        return Attachments()
    if first.kind == Kind.STATEMENT:
        name = f"statement-{account.today():%Y-%m-%d}.pdf"
        described = {"id": STATEMENT, "name": name, "size": 0, "sha256": ""}
        return Attachments((described,) if statement.is_available() else ())
    found = documents.for_debtors(listed)
    if not found:
        return Attachments()
    if CollectionSettings.objects.filter(account=account, attaches_documents=False).exists():
        return Attachments(has_more=True)
    attached: list[dict[str, Any]] = []
    left, names = MAX_BYTES, set[str]()
    for invoice in listed:
        document = found.get(invoice.pk)
        if document is None or document.size > left:
            continue
        left -= document.size
        attached.append(_described(document, invoice, names))
    return Attachments(tuple(attached), has_more=len(attached) < len(found))


def _described(document: Document, invoice: Invoice, names: set[str]) -> dict[str, Any]:
    """Return what the message's row keeps of an attachment. Two numbers may give the same file name."""
    name, number = documents.file_name(invoice.invoice_number, document.kind), 1
    stem, _, extension = name.rpartition(".")
    while name in names:
        number += 1
        name = f"{stem}-{number}.{extension}"
    names.add(name)
    return {"id": str(document.pk), "name": name, "size": document.size, "sha256": document.sha256}


def parts(row: Communication) -> list[tuple[str, bytes, str]]:
    """Return name, content and media type of the attachments of a message that passed the gate.

    A document that was removed since then is left out, because it may be another debtor's.
    """
    if any(each["id"] == STATEMENT for each in row.attachments):
        party = debtor_parties.of_invoice(row.invoice)
        party.debtor.account = row.account
        pdf = statement.pdf(party.debtor, texts.of(row.language), party)
        return [(row.attachments[0]["name"], pdf, documents.MEDIA_TYPES[DocumentKind.PDF])]
    found = Document.objects.in_bulk([each["id"] for each in row.attachments])
    by_id = {str(pk): document for pk, document in found.items()}
    attached = []
    for each in row.attachments:
        document = by_id.get(each["id"])
        data = storage.read(document) if document else None
        if document and data is not None:
            attached.append((each["name"], data, documents.MEDIA_TYPES[DocumentKind(document.kind)]))
    return attached
