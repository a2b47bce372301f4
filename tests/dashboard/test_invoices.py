"""The work list and the case file."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices.debtors import merging
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.dashboard.world import World, linked, nothing_changes, page, platform, said, verb

pytestmark = pytest.mark.django_db
NEW = {
    "invoice_number": "INV-9",
    "debtor_name": "مريم الكعبي",
    "debtor_email": "Mariam@AlReem.example",
    "debtor_phone": "050 123 4567",
    "amount": "1250.500",
    "currency": "KWD",
    "due_date": "2026-12-31",
    "issue_date": "2026-11-01",
    "amount_paid": "250.5",
}


@pytest.mark.parametrize(
    ("name", "status"),
    [("hold", "on_hold"), ("dispute", "disputed"), ("write_off", "written_off"), ("cancel", "cancelled")],
)
def test_a_verb_moves_the_invoice_through_the_lifecycle_and_says_who(name: str, status: str, own: World) -> None:
    person = own.people[Role.MANAGER]
    seen = make.events_of(own.account)
    answer = own.logged_in(Role.MANAGER).post(
        verb(f"invoices_invoice_{name}", own), {**said(f"invoices_invoice_{name}"), "reason": "They asked."}
    )
    assert answer["Location"] == page("invoices_invoice", "change", own.invoice.pk)
    assert make.again(own.invoice).status == status
    entry = TimelineEntry.objects.get(invoice=own.invoice, reason="They asked.")
    assert (entry.actor, entry.channel) == (person.email, "dashboard")
    more = ["dispute.opened"] if name == "dispute" else []
    assert make.events_of(own.account) == [*seen, "invoice.status_changed", *more]


def test_a_hold_and_a_dispute_end_by_resuming(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    client.post(verb("invoices_invoice_dispute", own), {"reason": "Wrong price."})
    assert (
        verb("invoices_invoice_resume", own)
        in client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    )
    client.post(verb("invoices_invoice_resume", own))
    assert make.again(own.invoice).status == "overdue"


def test_a_payment_goes_to_the_ledger(own: World) -> None:
    paid = {"amount": "10000.50", "paid_at": "2026-01-05", "method": "cheque", "reference": "CH-7"}
    own.logged_in(Role.AGENT).post(verb("invoices_invoice_record_payment", own), paid)
    invoice = make.again(own.invoice)
    assert (invoice.payment_status, invoice.balance) == ("partially_paid", Decimal("14999.5"))
    payment = invoice.payments.get()
    assert (payment.paid_at, payment.method, payment.reference) == (dt.date(2026, 1, 5), "cheque", "CH-7")


def test_notes_are_kept(own: World) -> None:
    own.logged_in(Role.AGENT).post(verb("invoices_invoice_note", own), {"notes": "<b>Asked</b> for a copy."})
    assert make.again(own.invoice).notes == "<b>Asked</b> for a copy."
    html = own.logged_in(Role.VIEWER).get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    assert "&lt;b&gt;Asked&lt;/b&gt; for a copy." in html


@pytest.mark.parametrize(
    ("name", "wrong", "field"),
    [
        ("record_payment", {"amount": "1.005", "paid_at": "2026-01-05", "method": "cash"}, "amount"),
        ("record_payment", {"amount": "-1", "paid_at": "2026-01-05", "method": "cash"}, "amount"),
        ("record_payment", {"amount": "NaN", "paid_at": "2026-01-05", "method": "cash"}, "amount"),
        ("record_payment", {"amount": "1", "paid_at": "2999-01-05", "method": "cash"}, "paid_at"),
        ("hold", {"hold_until": "2020-01-01"}, "hold_until"),
        ("dispute", {}, "reason"),
        ("write_off", {}, "reason"),
        ("cancel", {"reason": " "}, "reason"),
    ],
)
def test_what_is_refused_is_said_on_the_form_and_changes_nothing(
    name: str, wrong: dict[str, str], field: str, own: World
) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(verb(f"invoices_invoice_{name}", own), wrong)
    assert field in answer.context["form"].errors


def test_a_transition_that_the_lifecycle_refuses_is_said_on_the_form(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(verb("invoices_invoice_cancel", own), {"reason": "Twice."})
    with nothing_changes(own):
        for name in ("dispute", "hold", "resume", "write_off", "record_payment"):
            answer = client.post(
                verb(f"invoices_invoice_{name}", own), {"reason": "Again.", **said(f"invoices_invoice_{name}")}
            )
            assert answer.context["form"].non_field_errors(), name


def test_an_invoice_is_registered_by_the_rules_of_the_api(own: World) -> None:
    answer = own.logged_in(Role.MANAGER).post(page("invoices_invoice", "add"), NEW)
    invoice = Invoice.objects.get(invoice_number="INV-9")
    assert answer["Location"] == page("invoices_invoice", "change", invoice.pk)
    assert (invoice.account, invoice.status, invoice.payment_status) == (own.account, "new", "partially_paid")
    assert (invoice.amount, invoice.amount_paid) == (Decimal("1250.5"), Decimal("250.5"))
    assert (invoice.debtor_phone, invoice.language) == ("+971501234567", "en")
    assert TimelineEntry.objects.filter(invoice=invoice, kind="created", channel="dashboard").count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"invoice_number": "Falcon-1"}, "invoice_number"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.2345"}, "amount"),
        ({"currency": "XXX"}, "currency"),
        ({"due_date": "2026-10-01"}, "due_date"),
        ({"debtor_phone": "12"}, "debtor_phone"),
        ({"debtor_email": "nobody"}, "debtor_email"),
        ({"debtor_name": ""}, "debtor_name"),
    ],
)
def test_an_invoice_that_the_api_would_refuse_is_refused(wrong: dict[str, str], field: str, own: World) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.MANAGER).post(page("invoices_invoice", "add"), {**NEW, **wrong})
    assert field in answer.context["form"].errors


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Falcon-0", "Falcon-1", "L-1", "P-1"]),
        ("q=Gulf", ["Falcon-0", "Falcon-1", "L-1", "P-1"]),
        ("q=L-1", ["L-1"]),
        ("q=falcon.example", ["Falcon-0", "Falcon-1"]),
        ("status__exact=overdue", ["Falcon-1"]),
        ("payment_status__exact=paid", ["Falcon-0", "P-1"]),
        ("due=open", ["Falcon-1", "L-1"]),
        ("due=past", ["Falcon-1"]),
        ("due=later", ["L-1"]),
        ("currency=SAR", ["L-1"]),
    ],
)
def test_the_work_list_is_searched_and_filtered(query: str, found: list[str], own: World) -> None:
    rows = {
        "Falcon-0": own.closed,
        "Falcon-1": own.invoice,
        "L-1": make.invoice(own.account, invoice_number="L-1", currency="SAR"),
        "P-1": make.invoice(own.account, invoice_number="P-1", amount=5, amount_paid=5),
    }
    for client in (own.logged_in(Role.VIEWER), platform()):
        html = client.get(page("invoices_invoice", "changelist") + f"?{query}").content.decode()
        assert linked(html, "invoices_invoice") == {str(rows[number].pk) for number in found}


def test_a_list_asks_the_database_as_often_for_many_rows_as_for_few(own: World) -> None:
    client = own.logged_in(Role.VIEWER)

    def asked(name: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(page(name, "changelist"))
        return len(queries)

    names = ("invoices_invoice", "invoices_debtor", "communications_communication")
    few = [asked(name) for name in names]
    for number in range(5):
        make.overdue_invoice(own.account, debtor_email=f"{number}@many.example")
    assert [asked(name) for name in names] == few


def test_a_corrected_debtor_is_normalised_and_recorded(own: World) -> None:
    said = {
        "name": "Ahmed",
        "company": "",
        "email": "AHMED@Gulf.example",
        "phone": "050 123 4567",
        "language": "ar",
        "time_zone": "",
        "country": "",
    }
    # The lines below the form are only read: their formsets come empty.
    said |= {
        f"{prefix}-{field}_FORMS": "0"
        for prefix in ("contacts", "invoices", "communications", "replies", "calls", "payment_set")
        for field in ("TOTAL", "INITIAL")
    }
    address = page("invoices_debtor", "change", own.rows["invoices_debtor"])
    with nothing_changes(own):
        assert own.logged_in(Role.VIEWER).post(address, said).status_code == 403
        assert own.logged_in(Role.AGENT).post(address, {**said, "phone": "12"}).context["errors"]
    assert own.logged_in(Role.AGENT).post(address, said).status_code == 302
    debtor = Debtor.objects.get(pk=own.rows["invoices_debtor"])
    assert (debtor.email, debtor.phone, debtor.language) == ("ahmed@gulf.example", "+971501234567", "ar")
    assert make.again(own.invoice).debtor_email == "pay@falcon.example"  # what it came with
    entry = AuditEntry.objects.filter(account=own.account).latest("id")
    assert (entry.action, entry.actor) == ("debtor.changed", own.people[Role.AGENT].email)
    assert entry.detail["changes"]["email"] == ["pay@falcon.example", "ahmed@gulf.example"]


def test_an_invoice_is_found_by_its_number_and_by_its_debtor_even_if_merged(own: World) -> None:
    losing = make.invoice(own.account, invoice_number="ab-2026-7", debtor_name="Zenobia", debtor_email="z@x.example")
    chosen, client = own.invoice.debtor, own.logged_in(Role.VIEWER)

    def found(text: str) -> set[str]:
        html = client.get(page("invoices_invoice", "changelist"), {"q": text}).content.decode()
        return linked(html, "invoices_invoice")

    for text in ("ab-2026", "AB-2026-7", "zenob", "z@x.example"):
        assert found(text) == {str(losing.pk)}, text
    merging.merge(own.account, losing.debtor_id, chosen.pk, make.STAFF)
    assert str(losing.pk) in found("zenobia")
    assert found("2026-7") == set()
