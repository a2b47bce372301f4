"""The way out: email over SMTP, or into the local outbox."""

import contextlib
import smtplib
import time

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from communications.models import Communication
from inflow.accounts.models import Account


class Refused(Exception):
    """The provider surely did not take the message."""


def email(communication: Communication) -> EmailMultiAlternatives:
    """The mail of a communication that passed the gate, text and HTML."""
    message = EmailMultiAlternatives(
        subject=communication.subject,
        body=communication.body,
        to=[communication.recipient],
        headers={
            "Message-ID": f"<{communication.message_id}@inflow>",
            "X-InFlow-Message": str(communication.message_id),
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(communication.html, "text/html")
    return message


def deliver(message: EmailMultiAlternatives, account: Account, *, by: float) -> None:
    """Hand the mail over, if the server is ready for it `by` then (on the monotonic clock). A test account's is
    captured: the frozen communication is what the dashboard shows.

    Raises `Refused` where the message surely did not leave; after anything else it may have.
    """
    if account.is_test and settings.OUTBOX_DIR is None:
        return
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise Refused(f"mail server away: {type(error).__name__}") from error
    try:
        if time.monotonic() > by:
            raise Refused("gate_expired")
        connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        raise Refused(_code(error)) from error
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        raise Refused(f"{error.smtp_code}") from error
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            connection.close()


def _code(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(str(code) for code, _ in error.recipients.values())
