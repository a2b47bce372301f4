"""One transfer pays several invoices, exactly as it is allocated; the rest is credit."""

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from communications.engine import clock
from communications.models import CollectionSettings
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.models import Allocation, Debtor, Escalation, Invoice, Receipt, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 2, 6, 30, tzinfo=dt.UTC)  # a Monday, 10:30 in Dubai


def record(account: Account, amount: Any, *parts: tuple[Invoice, Any], **given: Any) -> Receipt:
    values = {
        "debtor_id": None,
        "currency": "AED",
        "paid_at": account.today(),
        "allocations": [(invoice.pk, Decimal(part)) for invoice, part in parts],
    }
    return ledger.record_receipt(account, make.STAFF, amount=Decimal(amount), **{**values, **given})


def state(invoice: Invoice) -> tuple[str, Decimal]:
    invoice = make.again(invoice)
    return invoice.status, invoice.balance


def credit(debtor_id: uuid.UUID) -> dict[str, Decimal]:
    return ledger.credit_of([debtor_id]).get(debtor_id, {})


def test_one_transfer_pays_three_invoices_and_leaves_credit(account: Account) -> None:
    invoices = [make.invoice(account, amount=100, due_in=days) for days in (30, 10, 20)]
    receipt = record(account, 270, *zip(invoices, (100, 100, 50), strict=True), reference="FT-1")
    assert [state(each) for each in invoices] == [("paid", Decimal(0)), ("paid", Decimal(0)), ("new", Decimal(50))]
    assert credit(receipt.debtor_id) == {"AED": Decimal(20)}
    assert (receipt.debtor_id, receipt.posted_on_id) == (invoices[0].debtor_id, invoices[1].pk)
    assert make.events_of(account).count("payment.recorded") == 1
    assert make.events_of(account).count("invoice.status_changed") == 3
    data = json.loads(Event.objects.get(type="payment.recorded").body)["data"]
    assert (data["amount"], data["unallocated"], data["invoice"]["id"]) == (270, 20, str(invoices[1].pk))
    assert sorted((each["invoice_number"], each["amount"]) for each in data["allocations"]) == sorted(
        zip((each.invoice_number for each in invoices), (100, 100, 50), strict=True)
    )
    entry = TimelineEntry.objects.get(invoice=invoices[2], kind="payment_recorded")
    assert entry.params["amount"]["amount"] == "50"
    assert entry.params["whole"]["amount"] == "270"


def test_without_allocations_all_of_it_is_credit(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    receipt = record(account, 70, debtor_id=invoice.debtor_id, reference="FT-1")
    assert credit(invoice.debtor_id) == {"AED": Decimal(70)}
    assert state(invoice) == ("new", Decimal(100))
    data = json.loads(Event.objects.get(type="payment.recorded").body)["data"]
    assert (data["id"], data["invoice"], data["allocations"]) == (str(receipt.pk), None, [])
    ledger.reverse_payment(account, None, receipt.pk, make.STAFF)
    assert credit(invoice.debtor_id) == {}
    assert make.events_of(account)[-2:] == ["payment.recorded", "payment.reversed"]


def test_it_may_pay_the_invoice_of_another_debtor(account: Account) -> None:
    own = make.invoice(account, amount=100)
    other = make.invoice(account, amount=100, debtor_company="Emirates Foods LLC", debtor_email="a@foods.example")
    receipt = record(account, 150, (other, 100), (own, 30), debtor_id=own.debtor_id)
    assert receipt.posted_on == own
    assert [state(own), state(other)] == [("new", Decimal(70)), ("paid", Decimal(0))]
    assert credit(own.debtor_id) == {"AED": Decimal(20)}
    assert credit(other.debtor_id) == {}
    # Taken back from the other's invoice, it is the payer's credit again.
    lifecycle.change(account, other.pk, make.STAFF, payment_status="unpaid")
    assert credit(own.debtor_id) == {"AED": Decimal(120)}
    assert Receipt.objects.get().status == "standing"


@pytest.mark.parametrize(
    ("amount", "parts", "given", "code", "text"),
    [
        (100, (60, 50), {}, "above_amount", "AED 110.00 in all, more than the payment of AED 100.00"),
        (300, (101, 50), {}, "above_balance", "AED 101.00 to invoice INV-A is above its balance of AED 100.00"),
        (100, (0, 50), {}, "not_positive", "greater than 0"),
        (100, (-1, 50), {}, "not_positive", "greater than 0"),
        (100, ("1.001", 50), {}, "too_many_decimals", "AED has 2 decimals"),
        (100, (10, 50), {"currency": "KWD"}, "other_currency", "INV-A is in AED, but the payment is in KWD"),
        (100, (10, 50), {"paid_at": dt.date(2900, 1, 1)}, "in_the_future", "future"),
        (100, (10, 50), {"debtor_id": make.NOWHERE}, "unknown_debtor", str(make.NOWHERE)),
        ("1234567890123.456", (10, 50), {}, "too_many_decimals", "decimals"),
        ("12345678901234567", (10, 50), {}, "too_long", "15 digits"),
    ],
)
def test_an_impossible_allocation_is_refused_with_the_figures(
    account: Account, amount: Any, parts: tuple[Any, ...], given: dict[str, Any], code: str, text: str
) -> None:
    invoices = [make.invoice(account, amount=100, invoice_number=f"INV-{name}") for name in "AB"]
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        record(account, amount, *zip(invoices, parts, strict=True), **given)
    assert refusal.value.code == code
    assert text in refusal.value.message


def test_an_invoice_named_twice_is_refused(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        record(account, 100, (invoice, 50), (invoice, 10))
    assert refusal.value.code == "repeated"


@pytest.mark.parametrize(("status", "code"), [("paid", "above_balance"), ("cancelled", "cancelled")])
def test_a_closed_invoice_takes_no_allocation(account: Account, status: str, code: str) -> None:
    invoice = make.invoice_in(account, status)
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        record(account, 100, (invoice, 50))
    assert refusal.value.code == code


def test_a_written_off_invoice_is_paid_by_it(account: Account) -> None:
    invoice = make.invoice_in(account, "written_off")
    record(account, invoice.amount, (invoice, invoice.amount))
    assert state(invoice) == ("paid", Decimal(0))


def test_another_accounts_invoice_is_unknown(account: Account) -> None:
    foreign = make.invoice(make.account(), amount=100)
    for given in ({}, {"debtor_id": make.invoice(account).debtor_id}):
        with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
            record(account, 100, (foreign, 50), **given)
        assert refusal.value.code == "unknown_invoice"
    with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
        record(account, 100, debtor_id=foreign.debtor_id)
    assert refusal.value.code == "unknown_debtor"


def test_money_of_three_decimals_is_exact(account: Account) -> None:
    invoices = [make.invoice(account, amount="33.333", currency="KWD") for _ in range(3)]
    receipt = record(account, "100.001", *((each, "33.333") for each in invoices), currency="KWD")
    assert {state(each) for each in invoices} == {("paid", Decimal(0))}
    assert credit(receipt.debtor_id) == {"KWD": Decimal("0.002")}


def test_a_key_or_a_bank_id_records_once(account: Account) -> None:
    invoices = [make.invoice(account, amount=100) for _ in range(2)]
    for given in ({"key": uuid.uuid4()}, {"bank_id": "ADCB/1/0042"}):
        first = record(account, 60, (invoices[0], 20), (invoices[1], 30), **given)
        with nothing_happens(account):
            assert record(account, 60, (invoices[0], 20), (invoices[1], 30), **given).pk == first.pk
            for changed in ((60, 20, 31), (61, 20, 30)):
                with pytest.raises(lifecycle.Refused) as refusal:
                    record(account, changed[0], (invoices[0], changed[1]), (invoices[1], changed[2]), **given)
                assert refusal.value.code in ("used", "duplicate")


def test_a_voided_transfer_is_recorded_anew_only_in_another_way(account: Account) -> None:
    invoices = [make.invoice(account, amount=100) for _ in range(2)]
    receipt = record(account, 60, (invoices[0], 60), bank_id="ADCB/1/0042")
    ledger.void_payment(account, receipt.pk, make.STAFF)
    # A nightly synchronisation that sends it again does not undo what a person did.
    assert record(account, 60, (invoices[0], 60), bank_id="ADCB/1/0042").pk == receipt.pk
    assert state(invoices[0]) == ("new", Decimal(100))
    other = record(account, 60, (invoices[1], 60), bank_id="ADCB/1/0042")
    assert other.pk != receipt.pk
    assert state(invoices[1]) == ("new", Decimal(40))


def test_a_reference_stands_once_on_an_invoice_and_once_with_amount_and_day(account: Account) -> None:
    one, other, third = [make.invoice(account, amount=100) for _ in range(3)]
    receipt = record(account, 60, (one, 30), (other, 30), reference="FT-1")
    for amount, invoice in ((10, one), (10, other), (60, third)):
        with nothing_happens(account), pytest.raises(lifecycle.Refused) as refusal:
            record(account, amount, (invoice, 5), reference="FT-1")
        assert (refusal.value.field, refusal.value.code) == ("reference", "duplicate")
    with pytest.raises(lifecycle.Refused):
        lifecycle.record_payment(account, other.pk, make.STAFF, amount=Decimal(1), reference="FT-1")
    record(account, 10, (third, 5), reference="FT-1")
    ledger.void_payment(account, receipt.pk, make.STAFF)
    record(account, 60, (one, 30), (other, 30), reference="FT-1")


def test_saying_unpaid_returns_the_share_and_voids_nothing(account: Account) -> None:
    invoices = [make.invoice(account, amount=100) for _ in range(2)]
    receipt = record(account, 200, *((each, 100) for each in invoices))
    for invoice in invoices:
        lifecycle.change(account, invoice.pk, make.STAFF, payment_status="unpaid")
    receipt.refresh_from_db()
    assert (receipt.status, receipt.unallocated) == ("standing", Decimal(200))
    assert not Escalation.objects.exists()


def test_a_reversal_reopens_all_names_them_before_and_opens_one_case() -> None:
    account = make.account(is_test=True)
    clock.set_clock(account, NOW)
    invoices = [make.overdue_invoice(account, amount=100, due_in=-days) for days in (10, 30, 20)]
    later = make.overdue_invoice(account, amount=100, due_in=-1)
    lifecycle.change(account, invoices[0].pk, make.STAFF, status="disputed")
    promised = lifecycle.promise(account, invoices[2].pk, make.STAFF, account.today() + dt.timedelta(days=5))
    receipt = record(account, 350, *((each, 100) for each in invoices))
    ledger.apply_credit(account, later.pk, make.STAFF, key=uuid.uuid4())
    promised.refresh_from_db()
    assert promised.status == "kept"
    assert [(each.pk, share) for each, share in ledger.reopened_by(receipt)] == [
        *((invoices[place].pk, Decimal(100)) for place in (1, 2, 0)),
        (later.pk, Decimal(50)),
    ]
    ledger.reverse_payment(account, None, receipt.pk, make.STAFF)
    assert [make.again(each).status for each in (*invoices, later)] == ["disputed", "overdue", "on_hold", "overdue"]
    assert Escalation.objects.get().invoice == invoices[1]
    promised.refresh_from_db()
    assert promised.status == "open"
    opening = NOW + dt.timedelta(days=1) - dt.timedelta(hours=1, minutes=30)  # 09:00 in Dubai
    assert {make.again(each).not_before for each in (*invoices, later)} == {opening}
    assert credit(receipt.debtor_id) == {}
    assert Allocation.objects.filter(receipt=receipt).count() == 8
    data = json.loads(Event.objects.get(type="payment.reversed").body)["data"]
    assert (data["id"], data["status"], data["how"], data["allocations"]) == (
        str(receipt.pk),
        "reversed",
        "reverse",
        [],
    )
    negative = json.loads(Event.objects.filter(type="payment.recorded").latest("seq").body)["data"]
    assert (negative["amount"], negative["reversal_of"]) == (-350, str(receipt.pk))


def test_a_proposal_pays_the_oldest_first_without_disputed_ones(account: Account) -> None:
    invoices = [make.invoice(account, amount=100, due_in=days) for days in (30, 10, 20, 5)]
    lifecycle.change(account, invoices[3].pk, make.STAFF, status="disputed")
    make.invoice(account, amount=100, currency="USD")
    proposed = ledger.propose(make.again(invoices[0]).debtor, Decimal(150), "AED")
    assert [(invoice.pk, part) for invoice, part in proposed] == [
        (invoices[1].pk, Decimal(100)),
        (invoices[2].pk, Decimal(50)),
    ]


def test_the_credit_of_a_merged_debtor_is_the_other_ones(account: Account) -> None:
    invoice = make.invoice(account, amount=100)
    loser = Debtor.objects.create(account=account, name="Loser", merged_into=invoice.debtor)
    receipt = record(account, 70, debtor_id=loser.pk)
    assert receipt.debtor_id == invoice.debtor_id


def test_a_transfer_counts_as_one_contact_of_the_payer(account: Account) -> None:
    CollectionSettings.objects.update_or_create(account=account, defaults={"hours_between": 240})
    own = make.overdue_invoice(account, amount=100)
    other = make.overdue_invoice(account, amount=100, debtor_company="Emirates Foods LLC", debtor_email="a@f.example")
    kept = make.overdue_invoice(account, amount=100)
    before = make.again(kept).next_contact_at
    record(account, 100, (other, 100), debtor_id=own.debtor_id)
    after = make.again(kept).next_contact_at
    assert before
    assert after
    assert after > before
