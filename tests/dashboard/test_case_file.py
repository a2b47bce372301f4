"""The case file: what stands on it, what takes it back, each message as it was sent; and verbs on many at once."""

import datetime as dt

import pytest

from communications.models import Communication, ReminderPolicy
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.models import Dispute, Escalation, Invoice, Payment, Promise
from tests import make
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db
LIST = page("invoices_invoice", "changelist")


def case_file(own: World, role: Role = Role.AGENT) -> str:
    return own.logged_in(role).get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()


def chosen(action: str, *invoices: Invoice, **said: str) -> dict[str, object]:
    return {"action": action, "_selected_action": [str(invoice.pk) for invoice in invoices], **said}


def test_a_promise_stands_on_top_and_is_withdrawn_by_an_agent(own: World) -> None:
    promise = lifecycle.promise(own.account, own.invoice.pk, make.STAFF, own.account.today() + dt.timedelta(days=3))
    address = page("invoices_promise", "withdraw", promise.pk)
    assert address in case_file(own)
    assert address not in case_file(own, Role.VIEWER)
    assert own.logged_in(Role.AGENT).post(address, {"reason": "They called."}).status_code == 302
    assert (Promise.objects.get(pk=promise.pk).status, make.again(own.invoice).status) == ("withdrawn", "overdue")
    with nothing_changes(own):
        refused = own.logged_in(Role.AGENT).post(address, {"reason": "Again."})
    assert "not open any more" in str(refused.context["form"].errors)


def test_a_promise_that_was_kept_is_not_withdrawn(own: World) -> None:
    with nothing_changes(own):
        address = page("invoices_promise", "withdraw", own.rows["invoices_promise"])
        assert own.logged_in(Role.ADMIN).post(address, {}).status_code == 200


@pytest.mark.parametrize("pause", ["dispute", "hold"])
def test_a_pause_says_how_it_ends(pause: str, own: World) -> None:
    client = own.logged_in(Role.AGENT)
    said = {"reason": "Damaged.", "hold_until": make.FAR_AHEAD}
    answer = client.post(page("invoices_invoice", pause, own.invoice.pk), said, follow=True)
    resume = page("invoices_invoice", "resume", own.invoice.pk)
    html = answer.content.decode()
    ends = resume
    if pause == "dispute":  # it ends by an outcome, which is chosen on its page
        ends = page("invoices_dispute", "change", Dispute.objects.get(invoice=own.invoice).pk)
    # After the deed, and on the file.
    assert [html.count(f'class="undo" href="{url}"') for url in (resume, ends)] in ([2, 2], [1, 1])
    client.post(resume, {})
    assert make.again(own.invoice).status == "overdue"


@pytest.mark.parametrize(
    ("verb", "said"),
    [("hold", {"hold_until": "2999-12-31"}), ("promise", {"promised_on": "2999-12-31", "amount": "10"})],
)
def test_only_a_manager_pauses_reminders_for_more_than_180_days(verb: str, said: dict[str, str], own: World) -> None:
    address = page("invoices_invoice", verb, own.invoice.pk)
    with nothing_changes(own):
        refused = own.logged_in(Role.AGENT).post(address, said)
    last = own.account.today() + dt.timedelta(days=180)
    assert last.isoformat() in str(refused.context["form"].errors)
    assert own.logged_in(Role.MANAGER).post(address, said).status_code == 302
    assert make.again(own.invoice).status == "on_hold"


def test_a_payment_can_be_undone_from_the_message_that_tells_of_it(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    said = {"amount": "100", "paid_at": str(own.account.today()), "method": "cheque"}
    answer = client.post(page("invoices_invoice", "record_payment", own.invoice.pk), said, follow=True)
    payment = Payment.objects.get(invoice=own.invoice)
    undo = page("invoices_payment", "void", payment.pk)
    assert undo in answer.content.decode()
    client.post(undo, {})
    assert make.again(own.invoice).amount_paid == 0
    assert not Escalation.objects.filter(invoice=own.invoice).exists()


def test_the_timeline_shows_each_message_as_it_was_sent(own: World) -> None:
    sent = make.sent_reminder(own.account)
    html = own.logged_in(Role.VIEWER).get(page("invoices_invoice", "change", sent.invoice_id)).content.decode()
    assert f"<summary><bdi>{sent.subject}</bdi></summary>" in html
    assert "According to our records" in html
    assert "Reminder sent to" not in html  # it is told once


def test_an_invoice_is_given_to_somebody_and_a_case_opened_where_none_was(own: World) -> None:
    agent = own.people[Role.AGENT]
    address = page("invoices_invoice", "assign", own.invoice.pk)
    client = own.logged_in(Role.AGENT)
    with nothing_changes(own):
        assert client.post(address, {"assignee": ""}).status_code == 200
    client.post(address, {"assignee": str(agent.pk)})
    client.post(address, {"assignee": str(own.people[Role.MANAGER].pk)})
    [case] = Escalation.objects.filter(invoice=own.invoice)
    assert (case.assignee, case.level) == (own.people[Role.MANAGER], 1)
    assert "manager@" in case_file(own)


def test_many_are_assigned_at_once_after_a_form_that_only_asks(own: World) -> None:
    other, agent = make.overdue_invoice(own.account), own.people[Role.AGENT]
    client = own.logged_in(Role.AGENT)
    with nothing_changes(own):
        asked = client.post(LIST, chosen("assign_selected", own.invoice, other))
    assert "2 rows selected." in asked.content.decode()
    client.post(LIST, chosen("assign_selected", own.invoice, other, apply="1", assignee=str(agent.pk)))
    assert {case.invoice_id for case in Escalation.objects.filter(assignee=agent)} == {own.invoice.pk, other.pk}


def test_what_does_not_fit_is_left_and_said(own: World) -> None:
    said = {"apply": "1", "hold_until": make.FAR_AHEAD, "reason": ""}
    client = own.logged_in(Role.AGENT)
    answer = client.post(LIST, chosen("hold_selected", own.invoice, own.closed, **said), follow=True)
    assert (make.again(own.invoice).status, make.again(own.closed).status) == ("on_hold", "paid")
    assert "1 row not changed: Falcon-0" in answer.content.decode()


def test_a_ladder_is_chosen_for_many_by_a_manager_alone(own: World) -> None:
    said = chosen("choose_policy_selected", own.invoice, apply="1", policy="none")
    with nothing_changes(own):
        own.logged_in(Role.AGENT).post(LIST, said)
    own.logged_in(Role.MANAGER).post(LIST, said)
    assert not make.again(own.invoice).is_chased
    assert ReminderPolicy.objects.for_account(own.account).count() == 1


def test_a_viewer_has_no_verbs_in_the_list_and_foreign_rows_are_not_chosen(own: World, foreign: World) -> None:
    said = chosen("hold_selected", own.invoice, foreign.invoice, apply="1", hold_until=make.FAR_AHEAD)
    with nothing_changes(own, foreign):
        viewer = own.logged_in(Role.VIEWER)
        assert "_selected_action" not in viewer.get(LIST).content.decode()
        viewer.post(LIST, said)
    with nothing_changes(foreign):
        own.logged_in(Role.AGENT).post(LIST, said)
    assert make.again(own.invoice).status == "on_hold"
    assert Communication.objects.for_account(foreign.account).exists()
