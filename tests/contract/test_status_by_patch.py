"""PATCH of status and payment_status in every status, with what happens to the money (Domain §1)."""

from decimal import Decimal
from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices import ledger
from invoices.models import Invoice, Receipt
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db

STATUSES = ("new", "overdue", "on_hold", "disputed", "paid", "written_off", "cancelled")
# A status, and the answer to each status that a PATCH may ask for. "=" is unchanged.
ANSWERS = {
    "new": {
        "new": "=",
        "overdue": 422,
        "on_hold": 200,
        "disputed": 200,
        "paid": 200,
        "written_off": 403,
        "cancelled": 200,
    },
    "overdue": {
        "new": 422,
        "overdue": "=",
        "on_hold": 200,
        "disputed": 200,
        "paid": 200,
        "written_off": 403,
        "cancelled": 200,
    },
    "on_hold": {
        "new": 200,
        "overdue": 200,
        "on_hold": "=",
        "disputed": 200,
        "paid": 200,
        "written_off": 403,
        "cancelled": 200,
    },
    "disputed": {
        "new": 200,
        "overdue": 200,
        "on_hold": 200,
        "disputed": "=",
        "paid": 200,
        "written_off": 403,
        "cancelled": 200,
    },
    "paid": {
        "new": 422,
        "overdue": 422,
        "on_hold": 422,
        "disputed": 422,
        "paid": "=",
        "written_off": 422,
        "cancelled": 422,
    },
    "written_off": {
        "new": 422,
        "overdue": 422,
        "on_hold": 422,
        "disputed": 422,
        "paid": 200,
        "written_off": "=",
        "cancelled": 200,
    },
    "cancelled": {
        "new": 422,
        "overdue": 422,
        "on_hold": 422,
        "disputed": 422,
        "paid": 422,
        "written_off": 422,
        "cancelled": "=",
    },
}


def patch(api: Caller, invoice: Invoice, **given: Any) -> Any:
    return api.patch(f"invoices/{invoice.pk}", given)


@pytest.mark.parametrize("target", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_every_change_of_status_is_done_or_refused_and_only_paid_and_cancelled_move_money(
    account: Account, api: Caller, status: str, target: str
) -> None:
    invoice = make.invoice_in(account, status)
    expected, count = ANSWERS[status][target], Receipt.objects.filter(account=account).count()
    if expected in (403, 422, "="):
        with nothing_happens(account):
            answer = patch(api, invoice, status=target)
        assert answer.status == (200 if expected == "=" else expected)
        return
    answer = patch(api, invoice, status=target)
    assert answer.status == 200
    shown = answer.json
    if target in ("new", "overdue"):
        assert shown["status"] in ("new", "overdue")
    else:
        assert shown["status"] == target
    assert Receipt.objects.filter(account=account).count() - count == (target == "paid")
    if target == "paid":
        assert (shown["balance"], shown["amount_paid"], shown["payment_status"]) == (0, shown["amount"], "paid")


@pytest.mark.parametrize("field", ["status", "payment_status"])
def test_paid_records_the_rest_as_one_receipt_and_uses_no_credit(account: Account, api: Caller, field: str) -> None:
    invoice = make.invoice(account, amount=Decimal("100.005"), currency="KWD", debtor_email="a@falcon.example")
    other = make.invoice(account, amount=10, currency="KWD", debtor_email="a@falcon.example")
    ledger.record_payment(account, other.pk, make.STAFF, amount=Decimal(60))
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(40))
    answer = patch(api, invoice, **{field: "paid"})
    assert (answer.json["balance"], answer.json["amount_paid"], answer.json["credit_available"]) == (0, 100.005, 50)
    (settled,) = Receipt.objects.filter(posted_on=invoice).exclude(amount=40)
    assert (settled.amount, settled.unallocated, settled.paid_at) == (Decimal("60.005"), 0, account.today())


def test_unpaid_voids_what_paid_this_invoice_alone_and_returns_the_share_of_a_larger_one(
    account: Account, api: Caller
) -> None:
    first, second = (make.invoice(account, amount=100, debtor_email="a@falcon.example") for _ in range(2))
    ledger.record_receipt(
        account,
        make.API,
        debtor_id=None,
        amount=Decimal(170),
        currency=first.currency,
        paid_at=account.today(),
        allocations=[(first.pk, Decimal(70)), (second.pk, Decimal(100))],
    )
    own = ledger.record_payment(account, first.pk, make.STAFF, amount=Decimal(30))
    answer = patch(api, first, payment_status="unpaid")
    assert (answer.json["balance"], answer.json["payment_status"], answer.json["credit_available"]) == (
        100,
        "unpaid",
        70,
    )
    assert answer.json["escalation_level"] in (0, None)
    assert Receipt.objects.get(pk=own.pk).status == "voided"
    assert make.again(second).status == "paid"
    assert patch(api, first, payment_status="unpaid").json["version"] == answer.json["version"]


@pytest.mark.parametrize("status", STATUSES)
def test_partially_paid_needs_a_payment_with_its_amount(account: Account, api: Caller, status: str) -> None:
    invoice = make.invoice_in(account, status)
    with nothing_happens(account):
        is_problem(patch(api, invoice, payment_status="partially_paid"), 422)


@pytest.mark.parametrize(
    "given", [{"status": "paid", "payment_status": "unpaid"}, {"status": "new", "payment_status": "paid"}]
)
def test_a_status_and_a_payment_status_that_contradict_each_other_change_nothing(
    account: Account, api: Caller, given: dict[str, str]
) -> None:
    invoice = make.invoice(account, amount=100)
    with nothing_happens(account):
        is_problem(patch(api, invoice, **given), 422)


def test_a_cancelled_invoice_stays_cancelled_and_its_money_is_credit(account: Account, api: Caller) -> None:
    invoice = make.invoice(account, amount=100)
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(40))
    shown = patch(api, invoice, status="cancelled").json
    assert (shown["status"], shown["credit_available"], shown["amount_paid"]) == ("cancelled", 40, 0)
    with nothing_happens(account):
        is_problem(patch(api, invoice, payment_status="paid"), 422)
