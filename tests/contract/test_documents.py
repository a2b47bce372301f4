"""The invoice itself: PUT and GET of its PDF or UBL XML, and what is refused."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices import narrative
from invoices.documents import documents
from invoices.models import Document, DocumentFile, Invoice, TimelineEntry
from tests import files, make
from tests.api.client import Answer, Caller, caller, is_problem

pytestmark = pytest.mark.django_db
MIB = 1024 * 1024
BILLION_LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, invoice_number="INV/2026 7")


def put(api: Caller, invoice: Invoice, body: bytes, content_type: str = "application/pdf") -> Answer:
    return api.send("PUT", f"invoices/{invoice.pk}/document", body, content_type=content_type)


def get(api: Caller, invoice: Invoice) -> Answer:
    return api.get(f"invoices/{invoice.pk}/document")


def test_a_pdf_is_attached_and_downloaded_byte_for_byte(api: Caller, invoice: Invoice) -> None:
    pdf = files.pdf()
    answer = put(api, invoice, pdf)
    assert answer.status == 201
    shown = answer.json
    assert (shown["kind"], shown["size"], shown["invoice_id"]) == ("pdf", len(pdf), str(invoice.pk))
    assert shown["sha256"] == hashlib.sha256(pdf).hexdigest()
    assert shown["file_name"] == "INV-2026-7.pdf"
    got = get(api, invoice)
    assert (got.status, got.body) == (200, pdf)
    assert got.headers["Content-Type"] == "application/pdf"
    assert got.headers["Content-Disposition"] == 'attachment; filename="INV-2026-7.pdf"'
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "no-store"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    entry = TimelineEntry.objects.get(invoice=invoice, kind="document_attached")
    assert narrative.in_english(entry) == "Invoice document attached: INV-2026-7.pdf."


def test_an_arabic_number_names_the_file_as_rfc_6266_says(api: Caller, account: Account) -> None:
    invoice = make.invoice(account, invoice_number="فاتورة-7")
    put(api, invoice, files.pdf())
    disposition = get(api, invoice).headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename*=utf-8''%D9%81")


def test_the_same_file_again_changes_nothing_and_another_replaces_it(api: Caller, invoice: Invoice) -> None:
    first = put(api, invoice, files.pdf("one"))
    again = put(api, invoice, files.pdf("one"))
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    second = put(api, invoice, files.pdf("two"))
    assert second.status == 200
    assert get(api, invoice).body == files.pdf("two")
    old = Document.objects.get(pk=first.json["id"])
    assert old.superseded_at
    assert Document.objects.filter(superseded_at=None).count() == 1
    assert make.again(invoice).version == invoice.version


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml"])
def test_an_electronic_invoice_is_read_and_its_differences_are_named(
    api: Caller, invoice: Invoice, content_type: str
) -> None:
    day = invoice.issue_date.isoformat()
    xml = files.ubl("INV/2026 7", issue_date=day, due_date=invoice.due_date.isoformat(), amount="25000")
    shown = put(api, invoice, xml, content_type).json
    assert shown["kind"] == "ubl"
    assert shown["differences"] == []
    assert shown["values"] == {
        "document": "invoice",
        "format": "PINT AE",
        "customization": "urn:peppol:pint:billing-1@ae-1",
        "profile": "urn:peppol:bis:billing",
        "number": "INV/2026 7",
        "issue_date": day,
        "due_date": invoice.due_date.isoformat(),
        "currency": "AED",
        "supplier": "Falcon Trading LLC",
        "customer": "Gulf Trading LLC",
        "tax": "1190.48",
        "amount": "25000",
        "payable": "25000",
    }
    other = files.ubl("INV-8", amount="26000.00", currency="USD", customer="Oryx LLC", profile="reporting:1.0")
    shown = put(api, invoice, other.replace(b"urn:peppol:pint:billing-1@ae-1", b"BR-KSA-CB"), content_type).json
    assert shown["values"]["format"] == "ZATCA"
    found = {each["field"]: (each["document"], each["invoice"]) for each in shown["differences"]}
    assert found["invoice_number"] == ("INV-8", "INV/2026 7")
    assert found["amount"] == ("26000.00", "25000.00")
    assert found["currency"] == ("USD", "AED")
    assert found["debtor_name"] == ("Oryx LLC", "Gulf Trading LLC")
    assert get(api, invoice).headers["Content-Type"] == "application/xml"


@pytest.mark.parametrize("amount", ["sNaN", "NaN", "-Infinity", "1E+999999", "1_000", "25 000"])
def test_an_amount_that_is_no_number_is_a_difference_like_any_other(api: Caller, invoice: Invoice, amount: str) -> None:
    response = put(api, invoice, files.ubl("INV/2026 7", amount=amount), "text/xml")
    assert response.status == 201
    assert {each["field"]: each["document"] for each in response.json["differences"]}["amount"] == amount


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "application/pdf"),
    "no PDF": (b"GIF89a", "application/pdf"),
    "a header with an HTML body": (b"%PDF-1.7\n<html><script>alert(1)</script></html>", "application/pdf"),
    "HTML before a PDF": (b"<html></html>\n" + files.pdf(), "application/pdf"),
    "a PDF with a ZIP behind it": (files.pdf() + files.archive({"a.txt": b"x"}), "application/pdf"),
    "a PDF cut in the middle": (files.pdf()[:-40], "application/pdf"),
    "cross-references elsewhere": (files.pdf().replace(b"\nxref", b"\nxxxx"), "application/pdf"),
    "XML as PDF": (files.ubl(), "application/pdf"),
    "a PDF as XML": (files.pdf(), "text/xml"),
    "entities": (files.ubl(before=BILLION_LAUGHS), "application/xml"),
    "a file of the server": (files.ubl("&a;", before=EXTERNAL), "application/xml"),
    "an HTML page": (b"<html><body>x</body></html>", "application/xml"),
    "XML cut in the middle": (files.ubl()[:-20], "application/xml"),
    "another namespace": (files.ubl().replace(files.UBL.encode(), b"urn:mine:"), "application/xml"),
    "deep": (files.ubl(f"{'<a>' * 5_000}{'</a>' * 5_000}"), "application/xml"),
    "a long token": (files.ubl().replace(b"<cbc:ID>", b'<cbc:ID a="' + b"x" * (3 * MIB) + b'">'), "application/xml"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_document_is_refused_in_words_and_nothing_is_kept(api: Caller, invoice: Invoice, name: str) -> None:
    body, content_type = HOSTILE[name]
    answer = put(api, invoice, body, content_type)
    problem = is_problem(answer, 422)
    assert problem["detail"].endswith(".")
    assert not Document.objects.exists()
    assert not DocumentFile.objects.exists()
    is_problem(get(api, invoice), 404)


@pytest.mark.parametrize("content_type", ["application/pdf", "text/xml", "application/json", ""])
def test_an_empty_body_is_a_file_that_is_empty(api: Caller, invoice: Invoice, content_type: str) -> None:
    problem = is_problem(put(api, invoice, b"", content_type), 422)
    assert problem["errors"] == [
        {
            "field": "document",
            "code": "empty",
            "message": "document: The file is empty. Send a PDF, or a UBL 2.1 invoice in XML.",
        }
    ]


def test_ten_mib_are_accepted_and_one_byte_more_is_413(api: Caller, invoice: Invoice) -> None:
    assert put(api, invoice, files.pdf_of_size(10 * MIB)).status == 201
    is_problem(put(api, invoice, files.pdf_of_size(10 * MIB + 1)), 413, "body_too_large")


@pytest.mark.parametrize("content_type", ["application/json", "text/html", "multipart/form-data", "image/png", "x"])
def test_another_media_type_is_415(api: Caller, invoice: Invoice, content_type: str) -> None:
    is_problem(put(api, invoice, files.pdf(), content_type), 415)


def test_an_encoded_body_is_415(api: Caller, invoice: Invoice) -> None:
    path = f"invoices/{invoice.pk}/document"
    headers = {"Content-Encoding": "gzip"}
    is_problem(api.send("PUT", path, files.pdf(), content_type="application/pdf", headers=headers), 415)


def test_another_account_finds_nothing(api: Caller, invoice: Invoice) -> None:
    put(api, invoice, files.pdf())
    stranger = caller()
    is_problem(get(stranger, invoice), 404)
    is_problem(put(stranger, invoice, files.pdf("theirs")), 404)
    assert get(api, invoice).body == files.pdf()


def test_each_direction_needs_its_scope(account: Account, invoice: Invoice) -> None:
    reader = Caller(make.key(account, scopes=["invoices:read"])[1])
    writer = Caller(make.key(account, scopes=["invoices:write"])[1])
    is_problem(put(reader, invoice, files.pdf()), 403)
    assert put(writer, invoice, files.pdf()).status == 201
    is_problem(get(writer, invoice), 403)
    assert get(reader, invoice).status == 200


def test_a_removed_document_is_gone_and_its_file_too(api: Caller, account: Account, invoice: Invoice) -> None:
    put(api, invoice, files.pdf())
    documents.remove(account, invoice.pk, make.STAFF, reason="Another debtor's.")
    is_problem(get(api, invoice), 404)
    assert not DocumentFile.objects.exists()
    assert Document.objects.get().removed_at


def test_a_storage_holds_documents_in_place_of_the_database(
    api: Caller,
    account: Account,
    invoice: Invoice,
    settings: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {**settings.STORAGES, "documents": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    assert put(api, invoice, files.pdf()).status == 201
    assert not DocumentFile.objects.exists()
    (stored,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored.read_bytes() == files.pdf()
    assert get(api, invoice).body == files.pdf()
    with django_capture_on_commit_callbacks(execute=True):
        documents.remove(account, invoice.pk, make.STAFF)
    assert not stored.exists()
