"""Monthly statements of account: one email to each party with open invoices, and no second one."""

import datetime as dt
from decimal import Decimal

import pytest

from communications.delivery import manual
from communications.delivery.manual import MessageRequest
from communications.models import CollectionSettings, Communication, Kind
from communications.portal import statement
from communications.schedule import monthly
from inflow.accounts.models import Account
from invoices import lifecycle
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.debtors import debtors, editing
from invoices.models import CaseStatus, Escalation, Invoice, Resolution
from tests import make
from tests.communications.test_ladder import account_at, at, sent
from tests.communications.test_one_future import MONDAY, next_in_forecast, now_of, owing, until

pytestmark = pytest.mark.django_db


def on_day(account: Account, day: int | None) -> CollectionSettings:
    settings, _ = CollectionSettings.objects.get_or_create(account=account)
    settings.account = Account.objects.get(pk=account.pk)
    monthly.choose_day(settings, day)
    return settings


def later(account: Account, number: str = "INV-1", **given: object) -> Invoice:
    """An invoice about which no reminder is due for a while."""
    given.setdefault("due_date", dt.date(2026, 8, 1))
    return owing(account, number, **given)


def statements(account: Account) -> list[str]:
    rows = Communication.objects.for_account(account).filter(kind=Kind.STATEMENT, sent_at__isnull=False)
    return [f"{row.sent_at:%m-%d}" for row in rows.order_by("sent_at") if row.sent_at]


def test_each_month_on_the_day_within_the_contact_hours_as_the_forecast_says() -> None:
    account = account_at(MONDAY)
    later(account)
    on_day(account, 10)
    assert next_in_forecast(account)["INV-1"] == (at("2026-04-10 09:00"), "")
    until(account, "2026-06-30 12:00")
    # The 10th of May is a Sunday.
    assert statements(account) == ["04-10", "05-11", "06-10"]
    on_day(account, None)
    until(account, "2026-07-15 12:00")
    assert len(statements(account)) == 3


def test_the_day_of_the_change_is_not_made_up_for() -> None:
    account = account_at(MONDAY)
    assert monthly.next_at(account, 6, account.now()) == at("2026-05-06 00:00")
    assert monthly.next_at(account, 7, account.now()) == at("2026-04-07 00:00")
    assert monthly.next_at(account, 28, at("2026-12-30 00:00")) == at("2027-01-28 00:00")
    assert monthly.next_at(account, None, account.now()) is None


def test_interrupted_and_doubled_work_plans_no_second_statement() -> None:
    account = account_at(MONDAY)
    later(account)
    settings = on_day(account, 10)
    until(account, "2026-04-10 12:00")
    again = Account.objects.get(pk=account.pk)
    for _ in range(2):
        CollectionSettings.objects.filter(pk=settings.pk).update(next_statements_at=at("2026-04-10 00:00"))
        assert monthly.plan_due(again.now(), again) == 0
    assert Communication.objects.filter(kind=Kind.STATEMENT).count() == 1


def test_nobody_gets_one_who_owes_nothing_is_never_chased_or_opted_out() -> None:
    account = account_at(MONDAY)
    paid = later(account, "INV-1", debtor_company="Paid LLC", debtor_email="a@paid.example")
    spared = later(account, "INV-2", debtor_company="Spared LLC", debtor_email="b@spared.example")
    later(account, "INV-3", debtor_company="Silent LLC", debtor_email="")
    lifecycle.record_payment(now_of(paid), paid.pk, make.API, amount=paid.amount)
    editing.never_chase(now_of(spared), spared.debtor_id, make.STAFF, "Ours.")
    on_day(account, 10)
    until(account, "2026-04-12 12:00")
    assert not Communication.objects.filter(kind=Kind.STATEMENT).exists()


def test_each_party_of_a_debtor_gets_its_own() -> None:
    account = account_at(MONDAY)
    one = later(account, "INV-1", debtor_company="One LLC", debtor_email="one@one.example")
    two = later(account, "INV-2", debtor_company="Two LLC", debtor_email="two@two.example")
    Invoice.objects.filter(pk=two.pk).update(debtor=one.debtor_id)
    on_day(account, 10)
    until(account, "2026-04-30 12:00")
    rows = Communication.objects.filter(kind=Kind.STATEMENT, status="sent")
    assert {row.recipient: row.body.count("INV-") for row in rows} == {"one@one.example": 1, "two@two.example": 1}


def test_it_counts_as_a_contact_and_waits_for_the_limits_and_replies() -> None:
    account = account_at(MONDAY)
    invoice = owing(account)  # its reminder goes on the 7th
    on_day(account, 9)
    until(account, "2026-04-08 12:00")
    debtors.record_reply(now_of(invoice), invoice.debtor_id, make.STAFF)
    until(account, "2026-04-30 12:00")
    moments = dict(reversed([(kind, moment) for kind, moment in sent(account)]))
    assert moments["reminder"] == "04-07 09:00"
    assert moments["statement"] == "04-14 09:00"


def test_a_statement_follows_another_open_invoice_when_its_own_is_paid() -> None:
    account = account_at(MONDAY)
    first, second = later(account), later(account, "INV-2")
    on_day(account, 10)
    until(account, "2026-04-10 08:00")
    row = Communication.objects.get(kind=Kind.STATEMENT)
    assert row.invoice_id == first.pk
    lifecycle.record_payment(now_of(first), first.pk, make.API, amount=first.amount)
    until(account, "2026-04-20 12:00")
    row.refresh_from_db()
    assert (row.status, row.invoice_id) == ("sent", second.pk)
    assert "INV-1" not in row.body
    lifecycle.record_payment(now_of(second), second.pk, make.API, amount=second.amount)
    until(account, "2026-05-20 12:00")
    assert len(statements(account)) == 1


def test_by_hand_it_lists_what_is_open_with_the_pdf_attached_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    account = account_at("2026-04-06 10:00")
    invoice = owing(account, amount=Decimal(100))
    disputed = owing(account, "INV-2", amount=Decimal(50))
    lifecycle.change(now_of(disputed), disputed.pk, make.STAFF, status="disputed")
    request = MessageRequest(Kind.STATEMENT, "email", "en")
    for is_available in (True, False):
        monkeypatch.setattr(statement, "is_available", lambda known=is_available: known)
        shown = manual.preview(now_of(invoice), invoice.pk, make.STAFF, request)
        assert not shown.refusal
        assert ("The statement of account is attached." in shown.message.body) == is_available
        assert bool(shown.message.attachments) == is_available
        assert "In dispute" in shown.message.body
        assert "INV-2" in shown.message.body
    arabic = manual.preview(now_of(invoice), invoice.pk, make.STAFF, MessageRequest(Kind.STATEMENT, "email", "ar"))
    assert "كشف حسابكم" in arabic.message.subject


def test_another_spelling_of_the_party_gives_no_second_one_in_a_month() -> None:
    account = account_at(MONDAY)
    later(account, debtor_company="Gulf Trading LLC", debtor_email="pay@gulf.example")
    on_day(account, 10)
    until(account, "2026-04-12 12:00")
    again = Account.objects.get(pk=account.pk)
    later(again, "INV-2", debtor_company="Gulf Trading", debtor_email="pay@gulf.example")
    assert Invoice.objects.values("debtor").distinct().count() == 1
    on_day(again, 20)
    until(again, "2026-04-30 12:00")
    assert statements(account) == ["04-10"]


def test_a_later_reply_holds_a_message_that_a_program_scheduled() -> None:
    account = account_at("2026-04-06 20:00")
    invoice = owing(account)
    request = MessageRequest(Kind.MANUAL, "email", "en")
    row = manual.schedule(now_of(invoice), invoice.pk, make.API, request, may_wait=True)
    assert row.scheduled_for == at("2026-04-07 09:00")
    until(account, "2026-04-06 22:00")
    debtors.record_reply(now_of(invoice), invoice.debtor_id, make.STAFF)
    until(account, "2026-04-08 12:00")
    row.refresh_from_db()
    assert (row.status, row.waits_for) == ("scheduled", "answer")


def test_a_later_case_of_level_2_holds_a_message_that_a_program_scheduled() -> None:
    account = account_at("2026-04-06 20:00")
    invoice = owing(account)
    requests = [MessageRequest(kind, "email", "en") for kind in (Kind.MANUAL, Kind.STATEMENT)]
    until(account, "2026-04-06 21:00")
    rows = [manual.schedule(now_of(invoice), invoice.pk, make.API, each, may_wait=True) for each in requests]
    until(account, "2026-04-06 22:00")
    for level in (1, 2):
        cases.open_manually(now_of(invoice), invoice.pk, make.STAFF, level=level)
    until(account, "2026-04-08 12:00")
    for row in rows:
        row.refresh_from_db()
        assert (row.status, row.waits_for) == ("scheduled", "case")
    for case in Escalation.objects.filter(invoice=invoice).order_by("-level"):
        cases.change(now_of(invoice), case.pk, make.STAFF, CaseChange(CaseStatus.RESOLVED, Resolution.LADDER))
    until(account, "2026-04-09 12:00")
    for row in rows:
        row.refresh_from_db()
        assert row.status == "sent"
