"""Notifications that could not be sent for a while."""

import datetime as dt

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone

from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.notifications import mailing
from inflow.notifications.models import Kind, Notification
from inflow.notifications.queue import put
from invoices import notes, staff_tasks
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account("Falcon")


@pytest.fixture
def anna(account: Account) -> User:
    return User.objects.create_user("anna@firm.example", account=account, role=Role.AGENT)


def _mention(account: Account, text: str, *, ago: dt.timedelta) -> Notification:
    notes.add_to_debtor(account, make.invoice(account).debtor_id, make.STAFF, f"@anna {text}")
    row = Notification.objects.latest("created_at")
    Notification.objects.filter(pk=row.pk).update(created_at=row.created_at - ago, due_at=row.created_at - ago)
    return row


def test_a_new_notification_is_mailed_although_an_older_one_is_given_up(account: Account, anna: User) -> None:
    _mention(account, "Long ago", ago=dt.timedelta(days=4))
    _mention(account, "Just now", ago=dt.timedelta(0))
    assert mailing.send_due() == 1
    (message,) = mail.outbox
    assert "Just now" in message.body
    assert "Long ago" not in message.body
    assert not Notification.objects.exclude(due_at=None).exists()
    assert Notification.objects.filter(sent_at=None).count() == 1


def test_a_mail_is_sent_again_as_it_was_without_what_came_since(
    account: Account, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in (3, 1, 2):
        _mention(account, f"{minutes} minutes ago", ago=dt.timedelta(minutes=minutes))
    tried: list[EmailMessage] = []

    def fail(message: EmailMessage) -> None:
        tried.append(message)
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", fail)
        mailing.send_due()
    _mention(account, "New", ago=dt.timedelta(minutes=4))
    Notification.objects.update(due_at=timezone.now())
    assert mailing.send_due() == 2
    (again,) = (message for message in mail.outbox if "New" not in message.body)
    assert (again.body, again.extra_headers) == (tried[0].body, tried[0].extra_headers)
    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 2


def test_of_several_late_digests_the_newest_is_mailed(account: Account, anna: User) -> None:
    invoice = make.invoice(account)
    staff_tasks.create(account, make.STAFF, text="Call", due_on=account.today(), owner=anna, invoice_id=invoice.pk)
    for day in range(3):
        put(account, Kind.DIGEST, f"{day} days ago", None, {anna.pk})
        at = timezone.now() - dt.timedelta(days=day)
        Notification.objects.filter(event=f"{day} days ago").update(created_at=at, due_at=at)
    assert mailing.send_due() == 1
    assert not Notification.objects.exclude(due_at=None).exists()
