"""Files that staff add to invoices and debtors."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from invoices.debtors import merging
from invoices.documents import staff_files
from invoices.documents.bounds import MAX_BYTES
from invoices.errors import NotFound, Refused
from invoices.models import StaffFile, StaffFileData
from tests import files, make

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 20


@pytest.mark.parametrize(
    ("content", "kind", "media_type"),
    [
        (files.pdf("order"), "pdf", "application/pdf"),
        (PNG, "png", "image/png"),
        (b"\xff\xd8\xff\xe0 photo", "jpg", "image/jpeg"),
        ("تم الاستلام\n".encode(), "txt", "text/plain; charset=utf-8"),
    ],
)
def test_the_content_decides_the_type_and_a_browser_only_saves_it(content: bytes, kind: str, media_type: str) -> None:
    account = make.account()
    debtor = make.invoice(account).debtor
    file = staff_files.add(account, make.STAFF, content, "../order <b>.html", debtor_id=debtor.pk)
    assert file.kind == kind
    answer = staff_files.response(file)
    assert answer
    assert answer.content == content
    assert answer["Content-Type"] == media_type
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Disposition"].rstrip('"').endswith(f".{kind}")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00",
        b"<html><script>",
        b"<svg xmlns='x'/>",
        b"%PDF-1.4 cut",
        b"PK\x03\x04\x00",
        b"x" * (MAX_BYTES + 1),
    ],
)
def test_other_content_is_refused(content: bytes) -> None:
    account = make.account()
    with pytest.raises(Refused):
        staff_files.add(account, make.STAFF, content, "order.pdf", debtor_id=make.invoice(account).debtor_id)
    assert not StaffFile.objects.exists()


def test_a_removed_file_is_gone_but_its_row_stays() -> None:
    account = make.account()
    invoice = make.invoice(account)
    file = staff_files.add(account, make.STAFF, b"signed", "order.txt", invoice_id=invoice.pk)
    staff_files.remove(account, file.pk, make.STAFF)
    assert not StaffFileData.objects.exists()
    assert staff_files.response(StaffFile.objects.get()) is None
    assert not staff_files.of_invoice(invoice)
    with pytest.raises(Refused, match="already"):
        staff_files.remove(account, file.pk, make.STAFF)


def test_another_account_neither_adds_nor_removes() -> None:
    account, other = make.account(), make.account("Other")
    debtor = make.invoice(account).debtor
    file = staff_files.add(account, make.STAFF, b"signed", "order.txt", debtor_id=debtor.pk)
    with pytest.raises(NotFound):
        staff_files.add(other, make.STAFF, b"theirs", "order.txt", debtor_id=debtor.pk)
    with pytest.raises(NotFound):
        staff_files.remove(other, file.pk, make.STAFF)


def test_files_of_a_merged_debtor_follow_it() -> None:
    account = make.account()
    one = make.invoice(account, invoice_number="A", debtor_email="a@a.example", debtor_name="A").debtor
    two = make.invoice(account, invoice_number="B", debtor_email="b@b.example", debtor_name="B").debtor
    file = staff_files.add(account, make.STAFF, b"signed", "order.txt", debtor_id=one.pk)
    merging.merge(account, one.pk, two.pk, make.STAFF)
    assert list(staff_files.of_debtor(two)) == [file]


def test_an_agent_adds_what_a_viewer_downloads() -> None:
    account = make.account()
    debtor = make.invoice(account).debtor
    agent, viewer = Client(), Client()
    for client, role in ((agent, Role.AGENT), (viewer, Role.VIEWER)):
        client.force_login(User.objects.create_user(f"{role}@firm.example", account=account, role=role))
    page = f"/admin/invoices/debtor/{debtor.pk}/add_file/"
    assert viewer.post(page, {"file": SimpleUploadedFile("a.txt", b"signed")}).status_code == 403
    assert agent.post(page, {"file": SimpleUploadedFile("a.txt", b"signed")}).status_code == 302
    file = StaffFile.objects.get()
    assert "a.txt" in viewer.get(f"/admin/invoices/debtor/{debtor.pk}/change/").content.decode()
    assert viewer.get(f"/admin/invoices/stafffile/{file.pk}/download/").content == b"signed"
    assert viewer.post(f"/admin/invoices/stafffile/{file.pk}/remove/").status_code == 403
