"""The ladder by the worked examples of the rules, played on a test account's own clock."""

import datetime as dt

import pytest

from communications.engine import clock
from communications.models import Communication
from inflow.accounts.models import Account
from invoices.models import Escalation
from tests import make

pytestmark = pytest.mark.django_db

DUBAI = dt.timezone(dt.timedelta(hours=4))


def at(text: str) -> dt.datetime:
    """A moment in Dubai: `2026-03-03 10:00`."""
    return dt.datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=DUBAI)


def account_at(text: str) -> Account:
    account = make.account(is_test=True)
    clock.set_clock(account, at(text))
    return account


def sent(account: Account) -> list[tuple[str, str]]:
    """Kind and local moment of each message."""
    rows = Communication.objects.for_account(account).filter(status="sent").order_by("sent_at")
    return [(row.kind, f"{row.sent_at.astimezone(DUBAI):%m-%d %H:%M}") for row in rows]


def cases(account: Account) -> list[tuple[int, str, str]]:
    rows = Escalation.objects.for_account(account).order_by("opened_at", "level")
    return [(row.level, row.reason, f"{row.opened_at.astimezone(DUBAI):%m-%d %H:%M}") for row in rows]


def test_an_invoice_that_falls_due_with_us_is_written_to_on_the_days_of_the_policy() -> None:
    account = account_at("2026-01-15 10:00")
    make.invoice(account, issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))
    leap = clock.set_clock(account, at("2027-01-15 10:00"))
    assert sent(account) == [
        ("reminder", "02-11 09:00"),
        ("reminder", "02-16 09:00"),
        ("follow_up", "02-23 09:00"),
        ("follow_up", "03-02 09:00"),
        ("final_notice", "03-09 09:00"),
    ]
    assert cases(account) == [(1, "policy_step", "03-09 09:00"), (2, "policy_step", "03-21 00:00")]
    assert (leap.sent, leap.escalated) == (5, 2)


def test_one_that_arrives_overdue_enters_after_the_due_date_and_keeps_the_distances() -> None:
    account = account_at("2026-03-03 10:00")
    make.invoice(account, issue_date=dt.date(2026, 1, 15), due_date=dt.date(2026, 2, 14))
    clock.set_clock(account, at("2027-01-15 10:00"))
    assert sent(account) == [
        ("reminder", "03-04 09:00"),
        ("follow_up", "03-10 09:00"),
        ("follow_up", "03-17 09:00"),
        ("final_notice", "03-24 09:00"),
    ]
    assert cases(account) == [(1, "policy_step", "03-24 09:00"), (2, "policy_step", "04-07 00:00")]
