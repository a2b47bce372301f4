"""The table of the domain: from every status to every status, for a key of the API and for a person."""

import json
from typing import Any

import pytest

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Invoice, Status, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens
from webhooks.models import Event

SAME, ILLEGAL, FALSE, STAFF_ONLY = "same", "illegal_transition", "not_true", "staff_only"

# What becomes of it, or why not. Before the arrow: the status, and whether the due date has passed.
AWAY = {
    "disputed": "disputed",
    "on_hold": "on_hold",
    "paid": "paid",
    "written_off": STAFF_ONLY,
    "cancelled": "cancelled",
}
CLOSED = dict.fromkeys(Status.values, ILLEGAL)
TABLE: dict[tuple[str, bool], dict[str, str]] = {
    ("new", False): AWAY | {"new": SAME, "overdue": FALSE},
    ("overdue", True): AWAY | {"new": FALSE, "overdue": SAME},
    ("on_hold", False): AWAY | {"new": "new", "overdue": "new", "on_hold": SAME},
    ("on_hold", True): AWAY | {"new": "overdue", "overdue": "overdue", "on_hold": SAME},
    ("disputed", False): AWAY | {"new": "new", "overdue": "new", "disputed": SAME},
    ("disputed", True): AWAY | {"new": "overdue", "overdue": "overdue", "disputed": SAME},
    ("written_off", False): CLOSED | {"paid": "paid", "cancelled": "cancelled", "written_off": SAME},
    ("written_off", True): CLOSED | {"paid": "paid", "cancelled": "cancelled", "written_off": SAME},
    ("paid", False): CLOSED | {"paid": SAME},
    ("paid", True): CLOSED | {"paid": SAME},
    ("cancelled", False): CLOSED | {"cancelled": SAME},
    ("cancelled", True): CLOSED | {"cancelled": SAME},
}
PAYMENT_TABLE: dict[tuple[str, bool], dict[str, str]] = {
    ("new", False): {"unpaid": SAME, "partially_paid": "needs_a_payment", "paid": "paid"},
    ("overdue", True): {"unpaid": SAME, "partially_paid": "needs_a_payment", "paid": "paid"},
    ("on_hold", False): {"unpaid": SAME, "partially_paid": "needs_a_payment", "paid": "paid"},
    ("disputed", True): {"unpaid": SAME, "partially_paid": "needs_a_payment", "paid": "paid"},
    ("written_off", False): {"unpaid": SAME, "partially_paid": "needs_a_payment", "paid": "paid"},
    ("paid", False): {"unpaid": "new", "partially_paid": "needs_a_payment", "paid": SAME},
    ("paid", True): {"unpaid": "overdue", "partially_paid": "needs_a_payment", "paid": SAME},
    ("cancelled", False): {"unpaid": SAME, "partially_paid": ILLEGAL, "paid": ILLEGAL},
}
Case = tuple[str, bool, str, str]


def cases(table: dict[tuple[str, bool], dict[str, str]]) -> list[Any]:
    return [
        pytest.param(start, past_due, target, outcome, id=f"{start}{'-past-due' if past_due else ''}-to-{target}")
        for (start, past_due), row in table.items()
        for target, outcome in row.items()
    ]


ACTORS = pytest.mark.parametrize("actor", [make.API, make.STAFF], ids=["api", "staff"])


def test_the_table_names_every_status() -> None:
    assert {start for start, _ in TABLE} == set(Status.values)
    assert all(set(row) == set(Status.values) for row in TABLE.values())


@ACTORS
@pytest.mark.parametrize(("start", "past_due", "target", "outcome"), cases(TABLE))
def test_a_status_goes_where_the_table_says_and_nowhere_else(
    account: Account, actor: Actor, start: str, past_due: bool, target: str, outcome: str
) -> None:
    if outcome == STAFF_ONLY and actor.is_staff:
        outcome = "written_off"
    check(account, make.invoice_in(account, start, overdue=past_due), actor, outcome, status=target)


@ACTORS
@pytest.mark.parametrize(("start", "past_due", "target", "outcome"), cases(PAYMENT_TABLE))
def test_a_payment_status_goes_where_the_table_says_and_nowhere_else(
    account: Account, actor: Actor, start: str, past_due: bool, target: str, outcome: str
) -> None:
    check(account, make.invoice_in(account, start, overdue=past_due), actor, outcome, payment_status=target)


def check(account: Account, invoice: Invoice, actor: Actor, outcome: str, **asked: Any) -> None:
    if outcome == SAME:
        with nothing_happens(account):
            assert lifecycle.change(account, invoice.pk, actor, **asked).version == invoice.version
    elif outcome in Status.values:
        lifecycle.change(account, invoice.pk, actor, **asked)
        announced_once(invoice, make.again(invoice), outcome, actor)
    else:
        with nothing_happens(account), pytest.raises(lifecycle.Refused) as refused:
            lifecycle.change(account, invoice.pk, actor, **asked)
        assert refused.value.code == outcome
        assert refused.value.field == next(iter(asked))
        assert isinstance(refused.value, lifecycle.StaffOnly) == (outcome == STAFF_ONLY)


def announced_once(before: Invoice, after: Invoice, status: str, actor: Actor) -> None:
    assert after.status == status
    assert after.version == before.version + 1
    assert after.updated_at > before.updated_at
    told = Event.objects.filter(type="invoice.status_changed").order_by("-seq")
    data = json.loads(told[0].body)["data"]
    assert (data["previous_status"], data["previous_payment_status"]) == (before.status, before.payment_status)
    assert (data["status"], data["payment_status"], data["version"]) == (status, after.payment_status, after.version)
    assert [json.loads(event.body)["data"]["version"] for event in told].count(after.version) == 1
    noted = TimelineEntry.objects.get(invoice=after, kind="status_changed", after__status=status, actor=actor.name)
    assert noted.channel == actor.channel
    assert noted.before["status"] == before.status


def test_an_invoice_past_its_due_date_may_be_said_to_be_overdue_before_the_clock_looks(account: Account) -> None:
    invoice = make.invoice(account, due_in=-1)
    lifecycle.change(account, invoice.pk, make.API, status="overdue")
    announced_once(invoice, make.again(invoice), "overdue", make.API)


def test_on_its_due_date_it_may_not(account: Account) -> None:
    invoice = make.invoice(account, due_in=0)
    check(account, invoice, make.API, FALSE, status="overdue")


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "cancelled", "payment_status": "paid"},
        {"status": "disputed", "payment_status": "paid"},
        {"status": "paid", "payment_status": "unpaid"},
        {"status": "paid", "payment_status": "partially_paid"},
        {"status": "new", "payment_status": "paid"},
    ],
)
def test_a_contradiction_is_refused_with_nothing_changed(account: Account, asked: dict[str, Any]) -> None:
    invoice = make.invoice(account)
    with nothing_happens(account), pytest.raises(lifecycle.Refused):
        lifecycle.change(account, invoice.pk, make.API, notes="never kept", **asked)


def test_paid_and_paid_is_one_settlement(account: Account) -> None:
    invoice = make.invoice(account)
    lifecycle.change(account, invoice.pk, make.API, status="paid", payment_status="paid")
    assert invoice.payments.count() == 1
    announced_once(invoice, make.again(invoice), "paid", make.API)


def test_a_refused_status_keeps_the_notes_that_came_with_it_out(account: Account) -> None:
    invoice = make.invoice_in(account, "cancelled")
    with nothing_happens(account), pytest.raises(lifecycle.Refused):
        lifecycle.change(account, invoice.pk, make.STAFF, status="new", notes="never kept")
