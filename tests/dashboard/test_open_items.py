"""Reconciliations in the dashboard: what is uploaded, and what one click corrects."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inflow.accounts.roles import Role
from invoices import ledger
from invoices.models import Difference, Invoice, OpenItemsList, Receipt
from invoices.reconciliation import comparing
from invoices.reconciliation.comparing import Item
from tests import make
from tests.dashboard.world import World, page

pytestmark = pytest.mark.django_db


def test_an_upload_without_open_invoices_is_refused(own: World) -> None:
    lists = OpenItemsList.objects.count()
    file = SimpleUploadedFile("open.csv", b"Invoice Number,Currency,Balance\n")
    said = {"file": file, "as_of": own.account.today().isoformat(), "is_complete": "on"}
    answer = own.logged_in(Role.AGENT).post(page("invoices_openitemslist", "add"), said)
    assert "The list has no open invoices" in answer.content.decode()
    assert OpenItemsList.objects.count() == lists


def test_a_list_of_one_currency_closes_nothing_in_another(own: World) -> None:
    listed, missing, _ = (make.invoice(own.account, amount=1000, currency=each) for each in ("AED", "AED", "USD"))
    yesterday = own.account.now() - dt.timedelta(days=1)
    Invoice.objects.filter(account=own.account).update(created_at=yesterday, entered_at=yesterday)
    file = SimpleUploadedFile(
        "open.csv", f"Invoice Number,Currency,Balance\n{listed.invoice_number},AED,1000\n".encode()
    )
    said = {"file": file, "as_of": own.account.today().isoformat(), "is_complete": "on"}
    own.logged_in(Role.AGENT).post(page("invoices_openitemslist", "add"), said)
    stored = OpenItemsList.objects.latest("created_at")
    assert stored.complete == ["AED"]
    closed = stored.differences.filter(kind="closed_there")
    assert missing.invoice_number in closed.values_list("invoice_number", flat=True)
    assert not closed.exclude(currency="AED").exists()


def test_an_invoice_of_the_lists_day_is_not_closed_unless_the_time_of_the_list_is_known(own: World) -> None:
    client, account = own.logged_in(Role.AGENT), own.account
    listed, new = (make.invoice(account, amount=1000, currency="AED") for _ in range(2))
    content = f"Invoice Number,Currency,Balance\n{listed.invoice_number},AED,1000\n".encode()
    now = account.now().astimezone(account.zone)

    def closed(**given: str) -> bool:
        file = SimpleUploadedFile("open.csv", content)
        said = {"file": file, "as_of": now.date().isoformat(), "is_complete": "on", **given}
        client.post(page("invoices_openitemslist", "add"), said)
        found = OpenItemsList.objects.latest("created_at").differences.filter(kind="closed_there")
        return found.filter(invoice_number=new.invoice_number).exists()

    assert not closed()
    Invoice.objects.filter(account=account).update(created_at=now - dt.timedelta(minutes=2), entered_at=None)
    assert closed(made_at=f"{now:%H:%M}") is (now - dt.timedelta(minutes=2) <= now.replace(second=0, microsecond=0))


def test_a_list_of_a_day_to_come_is_refused(own: World) -> None:
    count = OpenItemsList.objects.count()
    tomorrow = (own.account.today() + dt.timedelta(days=1)).isoformat()
    said = {"file": SimpleUploadedFile("open.csv", b"Invoice Number,Currency,Balance\nX-1,AED,1\n"), "as_of": tomorrow}
    answer = own.logged_in(Role.AGENT).post(page("invoices_openitemslist", "add"), said)
    assert "must not be in the future" in answer.content.decode()
    assert OpenItemsList.objects.count() == count


def test_a_mistaken_payment_is_voided_and_a_second_correction_asks_once_more(own: World) -> None:
    paid, other = (make.invoice(own.account, amount=1000, currency="AED") for _ in range(2))
    ledger.record_payment(own.account, paid.pk, make.STAFF, amount=Decimal(300), reference="FT-9")
    items = [Item(paid.invoice_number, "AED", Decimal(1000)), Item(other.invoice_number, "AED", Decimal(400))]
    stored, _ = comparing.record(own.account, items, make.STAFF, source="upload", as_of=own.account.now())
    higher, lower = Difference.objects.filter(list=stored)
    client = own.logged_in(Role.AGENT)
    assert "FT-9" in client.get(page("invoices_difference", "change", higher.pk)).content.decode()
    void = page("invoices_difference", "void", higher.pk)
    html = client.get(void).content.decode()
    assert f"{paid.invoice_number} (AED" in html
    assert 'name="sure"' not in html
    receipt = Receipt.objects.get(posted_on=paid)
    client.post(void, {"receipt": str(receipt.pk)})
    receipt.refresh_from_db()
    assert receipt.status == "voided"
    correct = page("invoices_difference", "correct", lower.pk)
    assert 'name="sure"' in client.get(correct).content.decode()
    client.post(correct)
    assert make.again(other).balance == 1000
    client.post(correct, {"sure": "on"})
    assert make.again(other).balance == 400
