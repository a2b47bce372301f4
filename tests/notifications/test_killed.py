"""A worker that is killed while it sends."""

import os
import signal

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connections
from django.utils import timezone

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.notifications import mailing
from inflow.notifications.models import Notification
from invoices import notes
from tests import make


@pytest.mark.django_db(transaction=True)
def test_a_notification_whose_worker_was_killed_is_mailed_once_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    User.objects.create_user("anna@firm.example", account=account, role=Role.AGENT)
    notes.add_to_debtor(account, make.invoice(account).debtor_id, make.STAFF, "@anna call them")
    reading, writing = os.pipe()

    def stall(message: EmailMessage) -> None:
        os.write(writing, b"!")
        signal.pause()

    connections.close_all()  # so that the child opens its own
    worker = os.fork()
    if worker == 0:
        try:
            monkeypatch.setattr(EmailMessage, "send", stall)
            mailing.send_due()
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    os.close(reading)
    os.close(writing)

    assert mailing.send_due() == 0  # the lease of the killed worker still runs
    Notification.objects.update(due_at=timezone.now())
    assert [mailing.send_due(), mailing.send_due()] == [1, 0]
    (message,) = mail.outbox
    assert message.extra_headers["Message-ID"] == f"<notification-{Notification.objects.get().pk}@testserver>"
