"""Cases, promises and the ledger, as a person works through them."""

import datetime as dt
from decimal import Decimal

import pytest

from inflow.accounts.roles import Role
from invoices.models import Escalation, Invoice, Payment, Promise, TimelineEntry
from tests import make
from tests.dashboard.world import World, linked, nothing_changes, page, said

pytestmark = pytest.mark.django_db


def do(own: World, name: str, row: Invoice | Escalation | Payment, role: Role = Role.AGENT, **given: str) -> str:
    """POST a verb as somebody of that role; where they are taken, or the form's errors."""
    address = page("_".join(name.split("_")[:2]), "_".join(name.split("_")[2:]), row.pk)
    answer = own.logged_in(role).post(address, {**said(name), **given})
    return str(answer["Location"]) if answer.status_code == 302 else str(answer.context["form"].errors)


def test_a_case_is_taken_assigned_and_resolved(own: World) -> None:
    case = make.escalation(own.invoice)
    agent, manager = own.people[Role.AGENT], own.people[Role.MANAGER]

    do(own, "invoices_escalation_take", case)
    case.refresh_from_db()
    assert (case.status, case.assignee, make.again(own.invoice).status) == ("acknowledged", agent, "on_hold")

    do(own, "invoices_escalation_assign", case, assignee=str(manager.pk))
    case.refresh_from_db()
    assert case.assignee == manager

    do(own, "invoices_escalation_resolve", case, resolution="ladder", notes="They will pay.")
    case.refresh_from_db()
    assert (case.status, case.notes, make.again(own.invoice).status) == ("resolved", "They will pay.", "overdue")


def test_a_case_on_an_open_invoice_is_resolved_with_a_way_on(own: World) -> None:
    case = make.escalation(own.invoice)
    with nothing_changes(own):
        assert "promised_on" in do(own, "invoices_escalation_resolve", case, resolution="promise")
        assert "resolution" in do(own, "invoices_escalation_resolve", case, resolution="write_off")
    day = own.account.today() + dt.timedelta(days=5)
    do(own, "invoices_escalation_resolve", case, resolution="promise", promised_on=str(day))
    assert Promise.objects.get(invoice=own.invoice, status="open").promised_on == day


def test_a_case_is_given_to_people_of_its_account_who_may_work_on_it(own: World, foreign: World) -> None:
    case = make.escalation(own.invoice)
    with nothing_changes(own, foreign):
        for who in (own.people[Role.VIEWER], foreign.people[Role.AGENT]):
            assert "assignee" in do(own, "invoices_escalation_assign", case, assignee=str(who.pk))


def test_cases_are_filtered_by_whose_they_are_and_whether_they_wait(own: World) -> None:
    mine, nobodys, others = (make.escalation(make.invoice(own.account)) for _ in range(3))
    Escalation.objects.filter(pk=mine.pk).update(assignee=own.people[Role.AGENT])
    Escalation.objects.filter(pk=others.pk).update(assignee=own.people[Role.ADMIN])
    client = own.logged_in(Role.AGENT)
    for query, wanted in {
        "whose=mine": {mine},
        "whose=nobodys&status=unresolved": {nobodys},
        "whose=waiting&status=unresolved": {mine, nobodys},
        "status=resolved": {Escalation.objects.get(pk=own.rows["invoices_escalation"])},
    }.items():
        html = client.get(page("invoices_escalation", "changelist") + f"?{query}").content.decode()
        assert linked(html, "invoices_escalation") == {str(case.pk) for case in wanted}, query


def test_a_promise_holds_and_its_amount_may_be_less_than_the_balance(own: World) -> None:
    day = own.account.today() + dt.timedelta(days=3)
    do(own, "invoices_invoice_promise", own.invoice, promised_on=str(day), amount="100", reason="By phone.")
    promise = Promise.objects.get(invoice=own.invoice)
    assert (promise.promised_on, promise.amount, promise.status) == (day, Decimal(100), "open")
    assert make.again(own.invoice).status == "on_hold"
    with nothing_changes(own):
        yesterday = own.account.today() - dt.timedelta(days=1)
        assert "promised_on" in do(own, "invoices_invoice_promise", own.invoice, promised_on=str(yesterday))


def test_a_person_is_called_in_by_hand_once(own: World) -> None:
    do(own, "invoices_invoice_escalate", own.invoice, notes="They shout.")
    do(own, "invoices_invoice_escalate", own.invoice, notes="They still shout.")
    [case] = Escalation.objects.filter(invoice=own.invoice)
    assert (case.reason, case.notes, case.level) == ("manual", "They shout.", 1)


def test_a_due_date_is_moved_by_managers_only(own: World) -> None:
    day = own.invoice.due_date + dt.timedelta(days=3)
    do(own, "invoices_invoice_move_due_date", own.invoice, Role.MANAGER, due_date=str(day))
    assert make.again(own.invoice).due_date == day
    with nothing_changes(own):
        before = own.invoice.issue_date - dt.timedelta(days=1)
        wrong = do(own, "invoices_invoice_move_due_date", own.invoice, Role.MANAGER, due_date=str(before))
    assert "due_date" in wrong


def test_a_payment_is_reversed_once_and_its_case_is_open_again(own: World) -> None:
    payment = Payment.objects.get(pk=own.rows["invoices_payment"])
    do(own, "invoices_payment_reverse", payment)
    assert make.again(own.closed).payment_status == "unpaid"
    case = Escalation.objects.get(invoice=own.closed)  # the one that the payment had resolved
    assert (case.pk, case.status) == (own.rows["invoices_escalation"], "open")
    assert TimelineEntry.objects.filter(invoice=own.closed, kind="escalation_joined").count() == 1
    with nothing_changes(own):
        assert "reversed" in do(own, "invoices_payment_reverse", payment)
    html = own.logged_in(Role.AGENT).get(page("invoices_payment", "change", payment.pk)).content.decode()
    assert page("invoices_payment", "reverse", payment.pk) not in html
