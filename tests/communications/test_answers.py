"""What a debtor says on the page: what acts at once, what waits for a person, and what a person makes of it."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from communications.delivery import sender
from communications.models import Answer, Communication
from communications.portal import answers
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.models import Debtor, Invoice, Payment, Promise, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.mailserver import MailServer
from tests.parallel import at_once
from tests.unchanged import nothing_happens
from webhooks.models import Event

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def owed(account: Account, **given: Any) -> Invoice:
    return make.again(make.invoice(account, **given))


def test_a_claim_of_payment_moves_no_money_and_lets_messages_wait(account: Account, mail: MailServer) -> None:
    invoice = make.again(make.overdue_invoice(account, place=make.open_place()))
    answers.report_payment(invoice.debtor, [invoice.pk], account.today(), "FT-77")
    answer = Answer.objects.get()
    assert (answer.kind, answer.status, answer.day, answer.reference) == ("paid", "proposed", account.today(), "FT-77")
    assert not Payment.objects.exists()
    assert make.again(invoice).debtor.answered_at is not None
    told = TimelineEntry.objects.get(invoice=invoice, kind="answered")
    assert (told.actor, told.channel) == ("debtor", "debtor_page")
    assert "FT-77" in told.reason
    make.reminder_due(invoice)
    assert sender.send_due() == 0
    assert Communication.objects.get().waits_for == "answer"
    assert mail.mails == []


def test_a_confirmed_payment_is_posted_and_messages_go_on(account: Account) -> None:
    invoice = owed(account, amount=1_000)
    answers.report_payment(invoice.debtor, [invoice.pk], account.today(), "FT-77")
    answers.confirm_paid(Answer.objects.get(), make.STAFF, amount=Decimal(400), paid_at=account.today(), reference="FT")
    assert make.again(invoice).balance == 600
    assert make.again(invoice).debtor.answered_at is None
    answer = Answer.objects.get()
    assert (answer.status, answer.handled_by) == ("confirmed", make.STAFF.name)
    with nothing_happens(account), pytest.raises(Refused):
        answers.confirm_paid(answer, make.STAFF, amount=Decimal(400), paid_at=account.today())


def test_what_the_ledger_refuses_leaves_the_answer_waiting(account: Account) -> None:
    invoice = owed(account)
    answers.report_payment(invoice.debtor, [invoice.pk], account.today())
    with nothing_happens(account), pytest.raises(Refused):
        answers.confirm_paid(Answer.objects.get(), make.STAFF, amount=Decimal(-1), paid_at=account.today())


def test_messages_go_on_only_when_no_answer_waits(account: Account) -> None:
    first, second = owed(account), owed(account)
    answers.report_payment(first.debtor, [first.pk, second.pk], account.today())
    one, other = Answer.objects.all()
    answers.dismiss(one, make.STAFF, reason="No such payment.")
    assert make.again(first).debtor.answered_at is not None
    answers.dismiss(other, make.STAFF, reason="No such payment.")
    assert make.again(first).debtor.answered_at is None
    assert not Payment.objects.exists()


def test_a_near_promise_holds_at_once_and_only_once(account: Account) -> None:
    invoice = owed(account)
    day = account.today() + answers.AUTOMATIC_WITHIN
    assert answers.promise(invoice.debtor, [invoice.pk], day)
    held = make.again(invoice)
    assert (held.status, Promise.objects.get().promised_on) == ("on_hold", day)
    assert held.debtor.answered_at is None
    lifecycle.change(account, invoice.pk, make.STAFF, status="new")
    assert not answers.promise(held.debtor, [invoice.pk], day)
    assert make.again(invoice).status == "new"
    assert Promise.objects.filter(status="open").count() == 0
    assert Answer.objects.filter(status="proposed", kind="promise").count() == 1
    assert make.again(invoice).debtor.answered_at is not None


def test_a_far_promise_is_a_proposal_that_staff_accept(account: Account) -> None:
    invoice = owed(account)
    day = account.today() + answers.AUTOMATIC_WITHIN + DAY
    assert not answers.promise(invoice.debtor, [invoice.pk], day)
    assert make.again(invoice).status == "new"
    assert not Promise.objects.exists()
    answers.confirm_promise(Answer.objects.get(), make.STAFF, promised_on=day)
    assert make.again(invoice).status == "on_hold"
    assert Promise.objects.get().promised_on == day


@pytest.mark.parametrize("status", ["on_hold", "disputed"])
def test_a_promise_undoes_nothing_that_a_person_arranged(account: Account, status: str) -> None:
    invoice = make.invoice_in(account, status)
    before = make.again(invoice)
    assert not answers.promise(before.debtor, [invoice.pk], account.today() + DAY)
    after = make.again(invoice)
    assert (after.status, after.hold_until) == (before.status, before.hold_until)
    assert not Promise.objects.exists()


def test_a_dispute_acts_at_once_and_shows_up_for_staff(account: Account) -> None:
    invoice = make.again(make.overdue_invoice(account))
    answers.dispute(invoice.debtor, [invoice.pk], "Half of it never came.")
    assert make.again(invoice).status == "disputed"
    told = TimelineEntry.objects.get(invoice=invoice, kind="status_changed", actor="debtor")
    assert told.reason == "Half of it never came."
    assert Event.objects.filter(type="invoice.status_changed").count() == 2  # overdue, disputed
    answer = Answer.objects.get()
    assert (answer.status, answer.took_effect, answer.text) == ("proposed", True, "Half of it never came.")
    answers.confirm_dispute(answer, make.STAFF)
    assert make.again(invoice).status == "disputed"


def test_what_is_said_again_replaces_what_still_waits(account: Account) -> None:
    invoice = owed(account)
    for reference in ("FT-1", "FT-2"):
        answers.report_payment(invoice.debtor, [invoice.pk], account.today(), reference)
    assert Answer.objects.get().reference == "FT-2"
    second = Answer.objects.get()
    second.pk = make.NOWHERE
    with pytest.raises(IntegrityError, match="one_answer_of_a_kind_waits_for_an_invoice"), transaction.atomic():
        second.save(force_insert=True)


def refusals(debtor: Debtor, ids: list[Any]) -> list[Callable[[], object]]:
    today = debtor.account.today()
    return [
        lambda: answers.report_payment(debtor, ids, today),
        lambda: answers.promise(debtor, ids, today),
        lambda: answers.dispute(debtor, ids, "No."),
    ]


def test_another_debtor_s_invoice_or_a_closed_one_is_refused_and_nothing_happens(account: Account) -> None:
    mine = owed(account)
    theirs = owed(account, debtor_email="other@example.com")
    foreign = owed(make.account("Sandfox"))
    closed = owed(account)
    lifecycle.change(account, closed.pk, make.STAFF, status="cancelled")
    for ids in ([theirs.pk], [mine.pk, theirs.pk], [foreign.pk], [closed.pk], [make.NOWHERE], []):
        for say in refusals(mine.debtor, ids):
            with nothing_happens(account), nothing_happens(foreign.account), pytest.raises(Refused):
                say()


def test_days_that_can_not_be_are_refused(account: Account) -> None:
    invoice = owed(account)
    with nothing_happens(account):
        with pytest.raises(Refused):
            answers.report_payment(invoice.debtor, [invoice.pk], account.today() + DAY)
        with pytest.raises(Refused):
            answers.promise(invoice.debtor, [invoice.pk], account.today() - DAY)


@pytest.mark.django_db(transaction=True)
def test_of_promises_and_confirmations_at_once_one_takes_effect() -> None:
    account = make.account()
    invoice = owed(account, amount=1_000)
    day = account.today() + DAY
    said = at_once(*[lambda: answers.promise(invoice.debtor, [invoice.pk], day)] * 4)
    assert sorted(said, key=str) == [False, False, False, True]
    assert Promise.objects.count() == 1
    answers.report_payment(invoice.debtor, [invoice.pk], account.today())
    claim = Answer.objects.get(kind="paid")
    confirm = lambda: answers.confirm_paid(claim, make.STAFF, amount=Decimal(10), paid_at=account.today())  # noqa: E731
    results = at_once(*[confirm] * 4)
    assert sum(isinstance(result, Refused) for result in results) == 3
    assert make.again(invoice).amount_paid == 10


@pytest.mark.parametrize("kind", ["paid", "promise", "dispute"])
def test_an_answer_on_the_page_answers_the_last_message_about_its_invoices(
    kind: str, account: Account, mail: MailServer
) -> None:
    answered, other = make.sent_reminder(account), make.sent_reminder(account)
    debtor, chosen = make.again(answered.invoice).debtor, [answered.invoice_id]
    if kind == "paid":
        answers.report_payment(debtor, chosen, account.today())
    elif kind == "promise":
        answers.promise(debtor, chosen, account.today() + DAY)
    else:
        answers.dispute(debtor, chosen, "Not ours.")
    found = dict(Communication.objects.filter(pk__in=(answered.pk, other.pk)).values_list("pk", "status"))
    assert found == {answered.pk: "replied", other.pk: "sent"}


def test_an_answer_that_is_refused_answers_no_message(account: Account, mail: MailServer) -> None:
    sent = make.sent_reminder(account)
    debtor = make.again(sent.invoice).debtor
    with nothing_happens(account), pytest.raises(Refused):
        answers.promise(debtor, [sent.invoice_id], account.today() - DAY)
