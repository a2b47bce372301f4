"""Documents in the dashboard: on the invoice's page, in bulk, and what is refused."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.documents import documents
from invoices.models import Document, Invoice, TimelineEntry
from tests import files, make
from tests.dashboard.world import logged_in, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def client(account: Account) -> Client:
    return logged_in(make.user(account, Role.MANAGER))


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, invoice_number="INV/2026-7")


def upload(client: Client, address: str, name: str, data: bytes) -> Any:
    return client.post(address, {"file": SimpleUploadedFile(name, data)}, follow=True)


def bulk(client: Client, name: str, data: bytes) -> str:
    html: str = upload(client, page("invoices_document", "add"), name, data).content.decode()
    return html


def test_a_document_is_uploaded_downloaded_replaced_and_removed_on_the_invoices_page(
    client: Client, invoice: Invoice
) -> None:
    form = client.get(page("invoices_invoice", "upload_document", invoice.pk)).content.decode()
    assert 'enctype="multipart/form-data"' in form
    answer = upload(client, page("invoices_invoice", "upload_document", invoice.pk), "scan of 7.pdf", files.pdf("one"))
    html = answer.content.decode()
    assert "scan of 7.pdf" in html
    got = client.get(page("invoices_invoice", "document", invoice.pk))
    assert (got.status_code, got.content) == (200, files.pdf("one"))
    assert got["Content-Disposition"] == 'attachment; filename="INV-2026-7.pdf"'
    assert got["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got["X-Content-Type-Options"] == "nosniff"
    upload(client, page("invoices_invoice", "upload_document", invoice.pk), "two.pdf", files.pdf("two"))
    assert client.get(page("invoices_invoice", "document", invoice.pk)).content == files.pdf("two")
    client.post(page("invoices_invoice", "remove_document", invoice.pk), {"reason": "Another debtor's."})
    assert client.get(page("invoices_invoice", "document", invoice.pk)).status_code == 404
    kinds = TimelineEntry.objects.filter(invoice=invoice).values_list("kind", flat=True)
    assert {"document_attached", "document_replaced", "document_removed"} <= set(kinds)


def test_a_document_of_another_party_is_said_and_used_again_by_a_manager(client: Client, invoice: Invoice) -> None:
    upload(client, page("invoices_invoice", "upload_document", invoice.pk), "7.pdf", files.pdf("one"))
    case, confirm = (page("invoices_invoice", name, invoice.pk) for name in ("change", "confirm_document"))
    assert confirm not in client.get(case).content.decode()
    lifecycle.amend(invoice.account, invoice.pk, make.API, {"debtor_company": "Oryx Foods FZE"})
    html = client.get(case).content.decode()
    assert "while the invoice named another party" in html
    assert confirm in html
    assert "named another party" in client.get(page("invoices_document", "changelist")).content.decode()
    assert client.post(confirm, {"post": "yes"}).status_code == 302
    assert confirm not in client.get(case).content.decode()
    assert documents.for_debtors([make.again(invoice)])


def test_what_is_no_document_is_said_on_the_form(client: Client, invoice: Invoice) -> None:
    address = page("invoices_invoice", "upload_document", invoice.pk)
    html = upload(client, address, "page.pdf", b"%PDF-1.7\n<html></html>").content.decode()
    assert "neither a complete PDF nor a UBL 2.1 invoice" in html
    html = upload(client, address, "large.pdf", files.pdf_of_size(10 * 1024 * 1024 + 1)).content.decode()
    assert "at most 10 MB" in html
    assert not Document.objects.exists()


def test_an_electronic_invoice_is_shown_with_its_differences(client: Client, invoice: Invoice) -> None:
    xml = files.ubl("INV-8", amount="1.00", customer="<script>alert(1)</script>".replace("<", "&lt;"))
    upload(client, page("invoices_invoice", "upload_document", invoice.pk), "e.xml", xml)
    html = client.get(page("invoices_invoice", "change", invoice.pk)).content.decode()
    assert "The electronic invoice differs from this invoice:" in html
    assert "PINT AE" in html
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_a_zip_attaches_each_file_by_its_number_and_says_what_it_could_not(
    client: Client, account: Account, invoice: Invoice
) -> None:
    other = make.invoice(account, invoice_number="فاتورة 8")
    stranger = make.invoice(make.account(), invoice_number="INV-9")
    data = files.archive(
        {
            "invoices/INV-2026-7.pdf": files.pdf("seven"),
            "فاتورة 8.PDF": files.pdf("eight"),
            "INV-9.pdf": files.pdf("nine"),
            "inv_2026_7.pdf": files.pdf("again"),
            "INV-2026-7.xml": b"<html/>",
            "__MACOSX/._INV-2026-7.pdf": b"x",
            "../INV-2026-7.pdf": files.pdf("out"),
            "more.zip": files.archive({"INV-2026-7.pdf": files.pdf()}),
        }
    )
    html = bulk(client, "all.zip", data)
    assert "2 of 7 files attached" in html
    assert "No invoice has this number." in html
    assert "Another file of this upload belongs to the same invoice." in html
    assert "leads out of the folder" in html
    assert "Archives within an archive are not opened." in html
    attached = {each.invoice_id: documents.of(each.invoice) for each in Document.objects.select_related("invoice")}
    assert attached.keys() == {invoice.pk, other.pk}
    assert not Document.objects.filter(invoice=stranger).exists()
    assert client.get(page("invoices_invoice", "document", invoice.pk)).content == files.pdf("seven")
    again = bulk(client, "all.zip", data)
    assert "2 of 7 files attached" in again
    assert Document.objects.count() == 2


def bomb() -> bytes:
    return files.archive({"INV-1.pdf": b"%PDF-1.7\n" + b"\0" * (9 * 1024 * 1024)})


def many() -> bytes:
    return files.archive({f"{number}.pdf": b"x" for number in range(501)})


def large() -> bytes:
    data = files.pdf_of_size(9 * 1024 * 1024)
    noisy = bytes(range(256)) * 36 * 1024
    return files.archive({f"{number}.pdf": data[:100] + noisy for number in range(7)})


def lying() -> bytes:
    """An archive whose directory says that the file is small."""
    data = bytearray(files.archive({"INV-1.pdf": b"\0" * (9 * 1024 * 1024)}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (1_000).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("make_archive", [bomb, many, large, lambda: b"PK\x03\x04 broken", lambda: bomb()[:-50]])
def test_a_bomb_or_a_damaged_archive_is_refused_and_nothing_is_kept(
    client: Client, account: Account, make_archive: Any
) -> None:
    make.invoice(account, invoice_number="INV-1")
    html = bulk(client, "all.zip", make_archive())
    assert "The ZIP file" in html
    assert not Document.objects.exists()


def test_an_entry_that_lies_about_its_size_is_refused(client: Client, account: Account) -> None:
    make.invoice(account, invoice_number="INV-1")
    html = bulk(client, "all.zip", lying())
    assert "Not attached" in html or "The ZIP file" in html
    assert not Document.objects.exists()


def test_an_encrypted_entry_is_named(client: Client, account: Account) -> None:
    make.invoice(account, invoice_number="INV-1")
    data = bytearray(files.archive({"INV-1.pdf": files.pdf()}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 0x1
    assert zipfile.is_zipfile(io.BytesIO(data))
    assert "The file is encrypted." in bulk(client, "all.zip", bytes(data))


def test_a_single_pdf_is_attached_by_its_name(client: Client, invoice: Invoice) -> None:
    assert "1 of 1 file attached" in bulk(client, "INV-2026-7.pdf", files.pdf())
    html = client.get(page("invoices_document", "changelist")).content.decode()
    assert "INV-2026-7.pdf" in html


def test_the_debtors_page_links_to_the_documents(client: Client, account: Account, invoice: Invoice) -> None:
    documents.attach(account, invoice.pk, make.STAFF, files.pdf())
    html = client.get(page("invoices_debtor", "change", invoice.debtor_id)).content.decode()
    assert page("invoices_invoice", "document", invoice.pk) in html
