"""Rows with known numbers amend their invoices; new rows are registered together."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from invoices import lifecycle
from invoices.imports import cells
from invoices.models import Invoice, TimelineEntry
from tests import make
from tests.invoices.test_import_exports import checked, confirmed, outcomes

pytestmark = pytest.mark.django_db
HEAD = "invoice_number,debtor_name,debtor_email,amount,due_date"


def known(**given: Any) -> Invoice:
    values: dict[str, Any] = {
        "invoice_number": "K-1",
        "debtor_name": "Omar",
        "debtor_email": "o@x.example",
        "amount": 100,
    }
    return make.invoice(make.account(), **(values | {"due_in": 30} | given))


def upload(invoice: Invoice, headings: str = "", cells: str = "", **given: str) -> Any:
    row = {
        "debtor_name": invoice.debtor_name,
        "debtor_email": invoice.debtor_email,
        "amount": f"{invoice.amount.normalize():f}",
        "due_date": invoice.due_date.isoformat(),
    }
    text = ",".join(["K-1", *(row | given).values()])
    return checked(f"{HEAD}{headings}\n{text}{cells}\n", account=invoice.account)


def test_every_amendable_field_is_shown_and_amended() -> None:
    invoice = known()
    headings = ",company,phone,language,notes,purchase_order,payment_url,tags,external_id,debtor_external_id"
    values = ",Wadi LLC,+971501234567,ar,call first,PO-7,https://pay.example/1,vip;dubai,ERP-1,C-9"
    file = upload(invoice, headings, values, debtor_name="Omar Said", debtor_email="new@x.example", amount="120")
    (row,) = file.rows.all()
    assert row.outcome == "changed"
    assert row.changes["amount"] == ["100", "120"]
    assert row.changes["debtor_name"] == ["Omar", "Omar Said"]
    assert row.changes["tags"] == ["", "vip, dubai"]
    assert row.changes["debtor_external_id"] == ["", "C-9"]
    assert make.again(invoice).amount == 100
    confirmed(file)
    made = make.again(invoice)
    assert (made.debtor_name, made.debtor_company, made.debtor_email) == ("Omar Said", "Wadi LLC", "new@x.example")
    assert (made.debtor_phone, made.language, made.notes) == ("+971501234567", "ar", "call first")
    assert made.amount == 120
    assert (made.purchase_order, made.payment_url, made.tags) == ("PO-7", "https://pay.example/1", ["vip", "dubai"])
    assert (made.external_id, made.debtor.external_ids.get().external_id) == ("ERP-1", "C-9")
    assert "invoice.amended" in make.events_of(invoice.account)
    entry = TimelineEntry.objects.filter(invoice=made, kind="changed").get()
    assert (entry.channel, entry.reason) == ("import", "x.csv")
    again = upload(made, headings, values)
    assert outcomes(again) == ["unchanged"]


def test_an_amount_below_what_is_paid_leaves_credit() -> None:
    invoice = known()
    lifecycle.record_payment(invoice.account, invoice.pk, make.STAFF, amount=Decimal(60))
    file = upload(invoice, amount="50")
    assert file.rows.get().reason == "AED 10.00 more than is owed: the debtor's credit."
    confirmed(file)
    made = make.again(invoice)
    assert (made.status, made.amount, made.amount_paid) == ("paid", Decimal(50), Decimal(50))


def test_a_cancelled_number_is_refused_and_stays_cancelled() -> None:
    invoice = known()
    lifecycle.change(invoice.account, invoice.pk, make.STAFF, status="cancelled")
    file = upload(invoice)
    assert (outcomes(file), file.rows.get().reason) == (
        ["refused"],
        "Invoice K-1 is cancelled. An import does not reopen it.",
    )
    assert Invoice.objects.for_account(invoice.account).get().status == "cancelled"


def test_an_older_row_of_the_source_is_refused() -> None:
    invoice = known()
    column = ",source_updated_at"
    confirmed(upload(invoice, column, ",2026-03-02 10:00:00", amount="110"))
    made = make.again(invoice)
    assert made.amount == 110
    assert made.source_updated_at == dt.datetime(2026, 3, 2, 10, tzinfo=invoice.account.zone)
    file = upload(made, column, ",2026-03-02 09:59:59", amount="90")
    assert (outcomes(file), "must not be older" in file.rows.get().reason) == (["refused"], True)
    assert outcomes(upload(made, column, ",2026-03-02 10:00:00")) == ["unchanged"]


def test_a_closed_invoice_is_not_amended() -> None:
    invoice = known()
    lifecycle.record_payment(invoice.account, invoice.pk, make.STAFF, amount=Decimal(100))
    assert outcomes(upload(invoice, debtor_email="new@x.example")) == ["refused"]
    assert outcomes(upload(invoice)) == ["unchanged"]


def test_a_debtor_id_that_names_another_party_refuses_its_row_alone() -> None:
    invoice = known()
    head = f"{HEAD},customer id\n"
    confirmed(checked(f"{head}A-1,Noor,n@noor.example,5,2999-01-01,C-1\n", account=invoice.account))
    rows = "A-2,Zaid,z@zaid.example,5,2999-01-01,C-1\nA-3,Noor,n@noor.example,5,2999-01-01,C-1\n"
    file = confirmed(checked(head + rows, account=invoice.account))
    assert outcomes(file) == ["refused", "new"]
    assert "C-1 is the id of Noor" in file.rows.get(line=2).reason


def test_rows_registered_together_are_as_those_registered_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"N-{n},Debtor {n % 2},d{n % 2}@x.example,{n + 10},2999-01-0{n + 1},{n}" for n in range(5)]
    text = "\n".join([f"{HEAD},amount_paid", *rows])
    together, single = make.account("Together"), make.account("Single")

    def fail(*args: object) -> None:
        raise RuntimeError

    confirmed(checked(text, account=together))
    monkeypatch.setattr(lifecycle, "create_many", fail)
    confirmed(checked(text, account=single))
    found = []
    for account in (together, single):
        invoices = Invoice.objects.for_account(account).order_by("invoice_number")
        names = "invoice_number", "debtor__name", "amount", "amount_paid", "status", "next_check_at", "next_contact_at"
        entries = TimelineEntry.objects.filter(invoice__account=account).order_by("invoice__invoice_number", "id")
        found.append(
            (
                list(invoices.values_list(*names, "version")),
                list(entries.values_list("invoice__invoice_number", "kind", "actor", "channel")),
                sorted(make.events_of(account)),
            )
        )
    assert found[0] == found[1]
    assert len(found[0][0]) == 5


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01 10:00:00+04:00", "2026-03-01T10:00:00+04:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("01/03/2026 3:45 PM", "2026-03-01T15:45:00+00:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_moments_are_read_as_programs_write_them(text: str, read: str) -> None:
    assert cells.moment(text, dt.UTC, "dmy") == read
