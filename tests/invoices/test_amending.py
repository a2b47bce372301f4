"""Amendments of open invoices, and the invoice that moves to another debtor."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from communications.models import Communication
from inflow.accounts.models import Account
from invoices import ledger, lifecycle, narrative
from invoices.debtors import debtors
from invoices.models import Debtor, Invoice, Receipt, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event


def texts(invoice: Invoice) -> list[str]:
    return [narrative.in_english(entry) for entry in TimelineEntry.objects.filter(invoice=invoice)]


def test_an_amendment_says_the_old_and_the_new_and_is_announced_once(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    lifecycle.amend(account, invoice.pk, make.API, {"amount": Decimal("80.5"), "purchase_order": "PO-7", "tags": ["a"]})
    amended = make.again(invoice)
    assert (amended.amount, amended.purchase_order, amended.tags, amended.version) == (
        Decimal("80.5"),
        "PO-7",
        ["a"],
        2,
    )
    assert "Tags: – → a; amount: 100 → 80.5; purchase order: – → PO-7." in texts(invoice)
    assert make.events_of(account) == ["invoice.created", "invoice.amended"]
    event = json.loads(Event.objects.for_account(account).get(type="invoice.amended").body)
    assert event["data"]["changes"]["amount"] == [100, 80.5]


def test_the_same_values_again_change_nothing(account: Account) -> None:
    invoice = make.invoice(account)
    same = {name: getattr(invoice, name) for name in lifecycle.AMENDABLE}
    with nothing_happens(account):
        lifecycle.amend(account, invoice.pk, make.API, same | {"notes": ""})


def test_an_amount_below_what_is_paid_turns_the_rest_into_credit(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    for amount in (30, 40):
        lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(amount))
    lifecycle.amend(account, invoice.pk, make.API, {"amount": Decimal(50)})
    amended = make.again(invoice)
    assert [amended.status, amended.amount_paid, amended.balance] == ["paid", 50, 0]
    # The newest is released first.
    assert dict(Receipt.objects.values_list("amount", "unallocated")) == {Decimal(30): 0, Decimal(40): 20}
    assert ledger.credit_for(amended) == {"AED": 20}
    assert make.events_of(account)[-2:] == ["invoice.amended", "invoice.status_changed"]
    assert ledger.count_unbalanced() == lifecycle.count_underived() == 0


def test_an_amount_that_equals_what_is_paid_pays_the_invoice(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(60))
    lifecycle.amend(account, invoice.pk, make.API, {"amount": Decimal(60)})
    assert make.again(invoice).status == "paid"
    assert not Receipt.objects.exclude(unallocated=0).exists()


@pytest.mark.parametrize("status", ["paid", "cancelled", "written_off"])
def test_a_closed_invoice_can_t_be_amended_but_its_notes_can(account: Account, status: str) -> None:
    invoice = make.invoice(account)
    lifecycle.change(account, invoice.pk, make.STAFF, status=status)
    for changes in ({"amount": Decimal(1)}, {"debtor_name": "Another"}, {"due_date": account.today()}):
        with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
            lifecycle.amend(account, invoice.pk, make.API, changes)
        assert (refused.value.field, refused.value.code) == (next(iter(changes)), "closed")
    lifecycle.amend(account, invoice.pk, make.API, {"notes": "kept"})
    assert make.again(invoice).notes == "kept"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"amount": Decimal(0)}, "amount", "not_positive"),
        ({"amount": Decimal("0.001")}, "amount", "too_many_decimals"),
        ({"issue_date": dt.date(2999, 1, 1)}, "due_date", "before_issue_date"),
        ({"due_date": dt.date(1999, 1, 1)}, "due_date", "before_issue_date"),
    ],
)
def test_an_impossible_amendment_is_refused(account: Account, changes: Any, field: str, code: str) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        lifecycle.amend(account, invoice.pk, make.API, changes)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_an_external_id_is_of_one_invoice_that_is_not_cancelled(account: Account) -> None:
    first = lifecycle.create(account, make.new_invoice(account)._replace(external_id="77"), make.API)
    second = make.invoice(account)
    with nothing_happens(account), pytest.raises(lifecycle.Refused, match=str(first.pk)) as refused:
        lifecycle.amend(account, second.pk, make.API, {"external_id": "77"})
    assert (refused.value.field, refused.value.code) == ("external_id", "duplicate")
    lifecycle.change(account, first.pk, make.API, status="cancelled")
    lifecycle.amend(account, second.pk, make.API, {"external_id": "77"})
    assert make.again(second).external_id == "77"


# --- The debtor --------------------------------------------------------------------------------------------------


def test_an_email_alone_never_changes_the_debtor(account: Account) -> None:
    other = make.invoice(account, debtor_company="Oryx LLC", debtor_email="books@oryx.example")
    invoice = make.overdue_invoice(account)
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_email": "books@oryx.example"})
    amended = make.again(invoice)
    assert amended.debtor_id == invoice.debtor_id != other.debtor_id
    planned = Communication.objects.get(invoice=invoice, status="scheduled")
    assert planned.recipient == "books@oryx.example"
    # The next invoice with this name and address is the same debtor's.
    assert make.invoice(account, debtor_email="books@oryx.example").debtor_id == invoice.debtor_id


def test_another_company_moves_the_invoice_with_its_message_and_its_payment(account: Account) -> None:
    invoice, rest = make.overdue_invoice(account), make.overdue_invoice(account)
    oryx = make.overdue_invoice(account, debtor_company="Oryx LLC")
    before = invoice.debtor_id
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(10))
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "Oryx L.L.C."})
    moved = make.again(invoice)
    assert moved.debtor_id == oryx.debtor_id != before
    assert moved.party == make.again(oryx).party
    assert Communication.objects.get(invoice=invoice, status="scheduled").debtor_id == oryx.debtor_id
    assert Receipt.objects.get().debtor_id == oryx.debtor_id
    old, new = "Ahmed Al Rashid, Gulf Trading LLC", "Ahmed Al Rashid, Oryx LLC"
    assert f"Moved from the debtor {old} to {new}." in texts(invoice)
    assert f"Invoice {invoice} was moved to the debtor {new}." in texts(rest)
    assert f"Invoice {invoice} was moved here from the debtor {old}." in texts(oryx)


def test_another_spelling_of_the_name_moves_nothing(account: Account) -> None:
    invoice = make.invoice(account)
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "GULF TRADING L.L.C."})
    assert make.again(invoice).debtor_id == invoice.debtor_id
    assert Debtor.objects.count() == 1
    assert not TimelineEntry.objects.filter(kind="moved").exists()


def test_a_receipt_that_also_pays_the_old_debtor_s_invoice_stays(account: Account) -> None:
    invoice, rest = make.invoice(account, amount=10), make.invoice(account, amount=10)
    lifecycle.record_payment(account, invoice.pk, make.API, amount=Decimal(15))
    ledger.apply_credit(account, rest.pk, make.API, key=make.NOWHERE)
    lifecycle.change(account, invoice.pk, make.API, payment_status="unpaid")
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "Oryx LLC"})
    assert make.again(invoice).debtor_id != rest.debtor_id
    assert Receipt.objects.get().debtor_id == rest.debtor_id


def test_a_debtor_that_opted_out_gets_nothing_about_an_invoice_that_moves_to_it(account: Account) -> None:
    invoice, oryx = make.overdue_invoice(account), make.overdue_invoice(account, debtor_company="Oryx LLC")
    debtors.opt_out(account, oryx.debtor_id, make.STAFF)
    lifecycle.amend(account, invoice.pk, make.API, {"debtor_company": "Oryx LLC"})
    assert make.again(invoice).next_contact_at is None


# --- Registering by number ---------------------------------------------------------------------------------------


def test_an_upsert_registers_then_amends_then_changes_nothing(account: Account) -> None:
    new = make.new_invoice(account, invoice_number="A-1", amount=100)
    invoice, outcome = lifecycle.upsert(account, new, ["amount", "due_date"], make.API)
    assert outcome == "created"
    again, outcome = lifecycle.upsert(account, new._replace(amount=Decimal(90)), ["amount"], make.API)
    assert [again.pk, outcome, make.again(invoice).amount] == [invoice.pk, "amended", 90]
    with nothing_happens(account):
        _, outcome = lifecycle.upsert(account, new._replace(amount=Decimal(90), notes="x"), ["amount"], make.API)
    assert outcome == "unchanged"


def test_a_stale_source_is_refused_and_an_unchanged_one_counts(account: Account) -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    new = make.new_invoice(account, amount=100)
    lifecycle.upsert(account, new, ["amount"], make.API, source_updated_at=at)
    later = at + dt.timedelta(hours=2)
    unchanged, _ = lifecycle.upsert(account, new, ["amount"], make.API, source_updated_at=later)
    assert (unchanged.version, make.events_of(account)) == (1, ["invoice.created"])
    between = later - dt.timedelta(seconds=1)
    for amount in (50, 100):
        older = new._replace(amount=Decimal(amount))
        with nothing_happens(account), pytest.raises(lifecycle.Stale):
            lifecycle.upsert(account, older, ["amount"], make.API, source_updated_at=between)
    lifecycle.upsert(account, new._replace(amount=Decimal(60)), ["amount"], make.API, source_updated_at=later)
    assert Invoice.objects.get().amount == 60


def test_what_is_paid_is_a_floor(account: Account) -> None:
    new = make.new_invoice(account, amount=100, amount_paid=30)
    lifecycle.upsert(account, new, ["amount_paid"], make.API)
    for paid, receipts in ((30, 1), (20, 1), (50, 2), (50, 2), (120, 3), (120, 3)):
        lifecycle.upsert(account, new._replace(amount_paid=Decimal(paid)), ["amount_paid"], make.API)
        assert Receipt.objects.count() == receipts
    invoice = Invoice.objects.get()
    assert [invoice.status, invoice.amount_paid] == ["paid", 100]
    assert ledger.credit_for(invoice) == {"AED": 20}


def test_a_cancelled_number_is_registered_anew_by_a_post_and_reopened_only_on_request(account: Account) -> None:
    new = make.new_invoice(account, invoice_number="A-1", amount=100)
    first = lifecycle.create(account, new, make.API)
    lifecycle.change(account, first.pk, make.API, status="cancelled")
    with nothing_happens(account), pytest.raises(lifecycle.CancelledNumber):
        lifecycle.upsert(account, new, ["amount"], make.API)
    reopened, outcome = lifecycle.upsert(account, new, ["amount"], make.API, reopen=True)
    assert (reopened.pk, outcome, make.again(first).status) == (first.pk, "reopened", "new")
    lifecycle.change(account, first.pk, make.API, status="cancelled")
    second = lifecycle.create(account, new, make.API)
    lifecycle.upsert(account, new._replace(amount=Decimal(5)), ["amount"], make.API)
    assert [make.again(second).amount, make.again(first).amount] == [Decimal(5), Decimal(100)]


def test_the_currency_never_changes(account: Account) -> None:
    new = make.new_invoice(account)
    lifecycle.upsert(account, new, [], make.API)
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
        lifecycle.upsert(account, new._replace(currency="USD"), ["currency"], make.API)
    assert (refused.value.field, refused.value.code) == ("currency", "read_only")
