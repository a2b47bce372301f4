"""The invoice itself in emails and on the debtor's page."""

import hashlib
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from communications import channels
from communications.content import attachments
from communications.delivery import gate, manual, sender
from communications.delivery.manual import MessageRequest
from communications.models import CollectionSettings, Communication, SenderProfile
from communications.portal import links
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.documents import documents
from invoices.models import Contact, Debtor, Invoice, TimelineEntry
from tests import files, make
from tests.communications.test_copies import after_first, states
from tests.mailserver import MailServer

pytestmark = pytest.mark.django_db
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


def due(account: Account, **given: Any) -> Communication:
    return make.reminder_due(make.overdue_invoice(account, place=make.open_place(), **given))


def attach(invoice: Invoice, text: str = "Invoice", *, padding: int = 0) -> bytes:
    data = files.pdf(text, padding=padding)
    documents.attach(invoice.account, invoice.pk, make.STAFF, data, "upload.pdf")
    return data


def attached(mail: EmailMessage) -> list[tuple[str, str, bytes]]:
    return [
        (str(part.get_filename()), part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]
        for part in mail.iter_attachments()
        if part.get_content_disposition() == "attachment"
    ]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_the_pdf_is_in_the_email_and_the_row_says_so(mail: MailServer, account: Account) -> None:
    reminder = due(account, invoice_number="INV/7")
    data = attach(reminder.invoice)
    assert sender.send_due() == 1
    (sent,) = mail.mails
    assert sent.get_content_type() == "multipart/mixed"
    assert attached(sent) == [("INV-7.pdf", "application/pdf", data)]
    assert "The invoice is attached." in text_of(sent)
    assert "The invoice is attached." in text_of(sent, "html")
    (kept,) = Communication.objects.get().attachments
    assert (kept["name"], kept["sha256"], kept["size"]) == ("INV-7.pdf", hashlib.sha256(data).hexdigest(), len(data))


def test_the_logo_stays_within_the_html_part(mail: MailServer, account: Account) -> None:
    SenderProfile.objects.create(account=account, logo=PIXEL)
    reminder = due(account, invoice_number="INV-7")
    data = attach(reminder.invoice)
    sender.send_due()
    (sent,) = mail.mails
    related, pdf = sent.iter_parts()
    assert related.get_content_type() == "multipart/related"
    assert [part.get_content_type() for part in related.iter_parts()] == ["multipart/alternative", "image/png"]
    assert pdf.get_payload(decode=True) == data
    assert "cid:logo@inflow" in text_of(sent, "html")


def test_an_arabic_email_says_it_in_arabic(mail: MailServer, account: Account) -> None:
    reminder = due(account, language="ar", invoice_number="فاتورة-7")
    attach(reminder.invoice)
    sender.send_due()
    (sent,) = mail.mails
    assert attached(sent)[0][0] == "فاتورة-7.pdf"
    assert "الفاتورة مرفقة بهذه الرسالة." in text_of(sent)


def test_a_joint_email_attaches_each_listed_invoice(mail: MailServer, account: Account) -> None:
    first = due(account, invoice_number="A/1", debtor_email="a@example.com")
    second = due(account, invoice_number="A-1", debtor_email="a@example.com")
    contents = {attach(first.invoice, "one"), attach(second.invoice, "two")}
    assert sender.send_due() == 1
    (sent,) = mail.mails
    assert {name for name, _, _ in attached(sent)} == {"A-1.pdf", "A-1-2.pdf"}
    assert {data for _, _, data in attached(sent)} == contents
    assert "The invoices are attached." in text_of(sent)
    assert {len(row.attachments) for row in Communication.objects.filter(status="sent")} == {2}


def test_what_exceeds_five_mib_is_left_on_the_page(mail: MailServer, account: Account) -> None:
    first = due(account, invoice_number="A-1", debtor_email="a@example.com")
    second = due(account, invoice_number="A-2", debtor_email="a@example.com")
    attach(first.invoice, padding=3 * 1024 * 1024)
    attach(second.invoice, padding=3 * 1024 * 1024)
    sender.send_due()
    (sent,) = mail.mails
    assert len(attached(sent)) == 1
    assert "All of them can be downloaded from your page." in text_of(sent)


def test_an_account_may_send_a_link_instead(mail: MailServer, account: Account) -> None:
    CollectionSettings.objects.create(account=account, attaches_documents=False)
    reminder = due(account)
    attach(reminder.invoice)
    sender.send_due()
    (sent,) = mail.mails
    assert attached(sent) == []
    assert "can be downloaded from your page" in text_of(sent)
    assert Communication.objects.get().attachments == []


def test_a_document_that_was_removed_after_the_gate_is_not_sent(account: Account) -> None:
    reminder = due(account)
    attach(reminder.invoice)
    (row,) = gate.claim(reminder.pk)
    assert len(row.attachments) == 1
    documents.remove(account, row.invoice_id, make.STAFF, reason="Another debtor's.")
    assert attachments.parts(row) == []
    assert channels.email(row).attachments == []


def test_a_document_that_replaces_another_after_the_gate_leaves_what_the_row_says(account: Account) -> None:
    reminder = due(account)
    old = attach(reminder.invoice, "old")
    (row,) = gate.claim(reminder.pk)
    attach(reminder.invoice, "new")
    assert [data for _, data, _ in attachments.parts(row)] == [old]


def test_a_storage_that_fails_sends_nothing_and_the_message_waits(
    mail: MailServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminder = due(account)
    attach(reminder.invoice)

    def fail(document: Any) -> bytes:
        raise ConnectionError("storage")

    monkeypatch.setattr("invoices.documents.storage.read", fail)
    assert sender.send_due() == 0
    assert mail.mails == []
    assert Communication.objects.get().status == "scheduled"
    monkeypatch.undo()


def test_a_preview_says_what_will_be_attached_and_a_new_document_outdates_it(account: Account) -> None:
    reminder = due(account, invoice_number="INV-7")
    attach(reminder.invoice)
    about = (account, reminder.invoice_id, make.STAFF, MessageRequest("manual", "email", "en"))
    preview = manual.preview(*about)
    assert [each["name"] for each in preview.message.attachments] == ["INV-7.pdf"]
    attach(reminder.invoice, "another")
    assert manual.preview(*about).digest != preview.digest


# --- The debtor's page -------------------------------------------------------------------------------------------


def path_of(invoice: Invoice) -> str:
    return links.page_url_of(invoice, "en").removeprefix("http://testserver")


def test_the_debtor_downloads_the_document_also_after_payment(account: Account, visitor: Client) -> None:
    invoice = make.again(make.overdue_invoice(account, invoice_number="INV-7", due_in=-10))
    data = attach(invoice)
    path = path_of(invoice)
    url = f"{path}/document/{invoice.pk}"
    assert f'href="{url}?lang=en"' in visitor.get(path).content.decode()
    got = visitor.get(url)
    assert (got.status_code, got.content) == (200, data)
    assert got["Content-Type"] == "application/pdf"
    assert got["Content-Disposition"] == 'attachment; filename="INV-7.pdf"'
    assert "sandbox" in got["Content-Security-Policy"]
    assert got["X-Content-Type-Options"] == "nosniff"
    assert (got["Cache-Control"], got["Referrer-Policy"]) == ("no-store", "same-origin")
    lifecycle.change(account, invoice.pk, make.STAFF, status="paid")
    html = visitor.get(path).content.decode()
    assert "Paid invoices" in html
    assert f'href="{url}?lang=en"' in html
    assert visitor.get(url).content == data


def test_another_party_and_a_cancelled_invoice_are_not_found(account: Account, visitor: Client) -> None:
    """One debtor with the invoices of two parties: each link shows one of them alone."""
    mine = make.again(make.overdue_invoice(account, debtor_company="Gulf Trading LLC"))
    theirs = make.invoice(account, debtor_company="Gulf Trading FZE")
    Invoice.objects.filter(pk=theirs.pk).update(debtor=mine.debtor_id)
    attach(mine)
    attach(make.again(theirs))
    path = path_of(make.again(mine))
    assert visitor.get(f"{path}/document/{mine.pk}").status_code == 200
    assert visitor.get(f"{path}/document/{theirs.pk}").status_code == 404
    assert str(theirs.pk) not in visitor.get(path).content.decode()
    lifecycle.change(account, mine.pk, make.STAFF, status="cancelled")
    assert visitor.get(f"{path}/document/{mine.pk}").status_code == 404


@pytest.mark.parametrize("how", ["amend", "upsert"])
def test_no_other_party_gets_a_document_until_it_is_confirmed(
    mail: MailServer, account: Account, visitor: Client, how: str
) -> None:
    reminder = due(account, invoice_number="INV-7", debtor_company="Gulf Trading LLC")
    invoice = reminder.invoice
    data = attach(invoice)
    if how == "amend":
        lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "Oryx Foods FZE"})
    else:
        row = make.new_invoice(account, invoice_number="INV-7", debtor_company="Oryx Foods FZE")
        lifecycle.upsert(account, row, {"invoice_number", "debtor_company"}, make.API)
    invoice = make.again(invoice)
    assert invoice.debtor_id != reminder.debtor_id
    place = make.open_place()
    Debtor.objects.filter(pk=invoice.debtor_id).update(time_zone=place.zone.key, country=place.country)
    address = path_of(invoice)
    assert visitor.get(f"{address}/document/{invoice.pk}").status_code == 404
    assert f"/document/{invoice.pk}" not in visitor.get(address).content.decode()
    make.reminder_due(invoice)
    assert sender.send_due() == 1
    assert attached(mail.mails[-1]) == []
    assert documents.for_debtors([invoice]) == {}
    documents.confirm(account, invoice.pk, make.STAFF)
    assert visitor.get(f"{address}/document/{invoice.pk}").content == data
    again = TimelineEntry.objects.filter(invoice=invoice, kind="document_confirmed")
    assert again.count() == 1
    documents.confirm(account, invoice.pk, make.STAFF)
    assert again.count() == 1


def test_a_paid_invoices_document_of_another_party_is_not_on_the_page(account: Account, visitor: Client) -> None:
    invoice = make.overdue_invoice(account, debtor_company="Gulf Trading LLC")
    data = attach(invoice)
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "Oryx Foods FZE"})
    lifecycle.change(account, invoice.pk, make.STAFF, status="paid")
    address = path_of(make.again(invoice))
    assert f"/document/{invoice.pk}" not in visitor.get(address).content.decode()
    documents.attach(account, invoice.pk, make.STAFF, data)  # the same file, uploaded anew
    assert f"/document/{invoice.pk}" in visitor.get(address).content.decode()


def test_a_party_that_is_named_as_before_has_its_document_again(account: Account) -> None:
    invoice = make.overdue_invoice(account, debtor_company="Gulf Trading LLC")
    attach(invoice)
    for company, is_usable in (("Oryx Foods FZE", False), ("GULF TRADING L.L.C.", True)):
        lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": company})
        assert bool(documents.for_debtors([make.again(invoice)])) == is_usable


def test_a_document_has_the_links_expiry_and_revocation(account: Account, visitor: Client) -> None:
    invoice = make.again(make.overdue_invoice(account))
    attach(invoice)
    path = path_of(invoice)
    links.revoke(Debtor.objects.get(pk=invoice.debtor_id), make.STAFF)
    assert visitor.get(f"{path}/document/{invoice.pk}").status_code == 404
    assert visitor.get(f"/p/{'x' * 30}.{'y' * 43}/document/{invoice.pk}").status_code == 404


def test_downloads_have_a_limit(account: Account, visitor: Client, settings: Settings) -> None:
    invoice = make.again(make.overdue_invoice(account))
    attach(invoice)
    url = f"{path_of(invoice)}/document/{invoice.pk}"
    answers = [visitor.get(url).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


def test_each_copy_has_the_document(mail: MailServer, account: Account) -> None:
    reminder = due(account, invoice_number="INV-7")
    debtor = reminder.invoice.debtor
    for place, email in enumerate(("books@gulftrading.example", "cfo@gulftrading.example")):
        Contact.objects.create(account=account, debtor=debtor, email=email, position=place)
    data = attach(reminder.invoice)
    assert sender.send_due() == 1
    assert len(mail.mails) == 3
    for sent in mail.mails:
        assert attached(sent) == [("INV-7.pdf", "application/pdf", data)]


def test_no_copy_has_a_document_that_was_replaced_meanwhile(
    mail: MailServer, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminder = due(account, invoice_number="INV-7")
    Contact.objects.create(account=account, debtor=reminder.invoice.debtor, email="books@gulftrading.example")
    data = attach(reminder.invoice, "that of another party")
    after_first(monkeypatch, lambda: attach(reminder.invoice, "the right one"))
    assert sender.send_due() == 1
    assert [attached(sent) for sent in mail.mails] == [[("INV-7.pdf", "application/pdf", data)]]
    assert list(states().values()) == ["sent", "cancelled"]
