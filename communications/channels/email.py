"""Email over SMTP, through a provider's API, or into the local outbox."""

import contextlib
import io
import smtplib
import time
import uuid
from collections.abc import Callable
from email.generator import BytesGenerator
from email.mime.multipart import MIMEMultipart
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend

from communications.channels.errors import DeliveryRefused, GateExpired, TransportUnavailable
from communications.channels.refusals import Stage, classify
from communications.content import attachments, profiles
from communications.models import Communication
from communications.portal import links
from inflow.accounts.models import Account

log = structlog.get_logger(__name__)

# A connection that was idle for longer than this is checked before it is used.
_CHECK_AFTER_SECONDS = 5.0
_VERBS = {Stage.SENDER: "MAIL", Stage.RECIPIENT: "RCPT", Stage.DATA: "DATA", Stage.CONTENT: "content"}
# The key of our message id in the metadata that a provider's API stores with a mail.
MAIL_KEY = "inflow_message"


class _Mail(EmailMultiAlternatives):
    """A mail whose logo belongs to the HTML part. Documents are attached to the whole."""

    metadata: dict[str, str]
    has_logo = False

    def message(self, **options: Any) -> Any:  # a Message, and an EmailMessage from Django 6.0 on
        message = super().message(**options)
        if self.has_logo and len(self.attachments) == 1:
            message.set_type("multipart/related")
        elif self.has_logo:
            parts: list[Any] = list(message.get_payload())
            message.set_payload([MIMEMultipart("related", _subparts=parts[:2]), *parts[2:]])
        return message


def mail_id(message_id: uuid.UUID) -> str:
    """Return the Message-ID of a mail without the brackets."""
    return f"{message_id}@inflow"


def reply_address(message_id: uuid.UUID) -> str:
    """Return the address for replies to this message, or an empty string if MAIL_REPLY_ADDRESS is not set."""
    name, at, host = settings.MAIL_REPLY_ADDRESS.partition("@")
    return f"{name}+{message_id.hex}@{host}" if at else ""


def email(communication: Communication) -> EmailMultiAlternatives:
    """Return the mail, as text and HTML, of a communication that passed the gate."""
    profile = profiles.of(communication.account)
    message = _Mail(
        subject=communication.subject,
        body=communication.body,
        from_email=profiles.from_header(profile),
        to=[communication.recipient],
        reply_to=[address for address in (reply_address(communication.message_id), profile.reply_to) if address],
        headers={
            "Content-Language": communication.language,
            "Message-ID": f"<{mail_id(communication.message_id)}>",
            "X-InFlow-Message": str(communication.message_id),
            "Auto-Submitted": "auto-generated",
            # One click, RFC 8058.
            "List-Unsubscribe": f"<{links.unsubscribe_url(communication)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.metadata = {MAIL_KEY: str(communication.message_id)}  # the provider's webhooks return it
    message.attach_alternative(communication.html, "text/html")
    if profile.logo and profiles.LOGO_CID in communication.html:
        message.attach(profiles.logo_part(bytes(profile.logo)))
        message.has_logo = True
    for name, data, media_type in _documents(communication):
        message.attach(name, data, media_type)
    return message


def _documents(communication: Communication) -> list[tuple[str, bytes, str]]:
    """Return the attached documents. Raise `GateExpired` if they can't be read now: nothing was sent yet."""
    try:
        return attachments.parts(communication)
    except Exception as error:  # of any storage
        log.exception("attachments_unreadable", message=str(communication.message_id))
        raise GateExpired("attachments") from error


class Mailer:
    """A connection to the mail server that is opened on first use and then reused."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._used = 0.0

    def connect(self, account: Account) -> None:
        """Open the connection unless it is open and alive. Raise `TransportUnavailable` on failure."""
        if is_mail_captured(account):
            return
        if (
            self._connection is not None
            and time.monotonic() - self._used > _CHECK_AFTER_SECONDS
            and not self._is_alive()
        ):
            self.close()
        if self._connection is not None:
            return
        connection = get_connection()
        try:
            connection.open()
            if isinstance(connection, EmailBackend) and connection.connection:
                connection.connection.ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException) as error:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.close()
            raise TransportUnavailable(_reply_text(error)) from error
        self._connection, self._used = connection, time.monotonic()

    def deliver(self, message: EmailMultiAlternatives, account: Account, *, deadline: float) -> str:
        """Deliver a mail and return the id under which the server or provider knows it, or an empty string.

        `deadline` is a reading of `time.monotonic()` by which delivery must begin. Raise `DeliveryRefused` if the mail
        was not sent. After any other exception it may have been sent. Mail of test accounts is captured.
        """
        if time.monotonic() > deadline:
            raise GateExpired("gate_expired")
        if is_mail_captured(account):
            return ""
        self.connect(account)
        if time.monotonic() > deadline:
            raise GateExpired("gate_expired")
        try:
            if isinstance(self._connection, EmailBackend) and self._connection.connection:
                _transmit(self._connection.connection, message)
                provider_id = str(message.extra_headers.get("Message-ID", "")).strip("<>")
            else:
                provider_id = _send(self._connection, message)
        except BaseException:
            self.close()
            raise
        self._used = time.monotonic()
        return provider_id

    def _is_alive(self) -> bool:
        if not (isinstance(self._connection, EmailBackend) and self._connection.connection):
            return True
        try:
            return bool(self._connection.connection.noop()[0] == 250)
        except (OSError, smtplib.SMTPException):
            return False

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._connection.close()
            self._connection = None


def _send(connection: Any, message: EmailMultiAlternatives) -> str:
    if type(connection).__module__.startswith("anymail."):
        from communications.channels import provider  # anymail is an optional dependency

        provider_id: str = provider.send(connection, message)
        return provider_id
    connection.send_messages([message])
    return ""


def is_mail_captured(account: Account) -> bool:
    """Return True if the account's mail is recorded but not transmitted.

    This applies to test accounts unless OUTBOX_DIR is set or `make run` was given a mail server.
    """
    return account.is_test and settings.OUTBOX_DIR is None and not settings.SENDS_TEST_MAIL


def _transmit(smtp: smtplib.SMTP, message: EmailMultiAlternatives) -> None:
    """Run one SMTP transaction, command by command.

    A failure before the content is transmitted raises `DeliveryRefused`: the message was not sent.
    """
    content = io.BytesIO()
    BytesGenerator(content, mangle_from_=False).flatten(message.message(), linesep="\r\n")
    _command(Stage.SENDER, lambda: smtp.mail(settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip(">")))
    for recipient in message.recipients():
        _command(Stage.RECIPIENT, lambda recipient=recipient: smtp.rcpt(recipient))  # type: ignore[misc]
    try:
        code, reply = smtp.data(content.getvalue())
    except smtplib.SMTPDataError as error:  # refused before the content was transmitted
        raw = error.smtp_error
        raise _refused(Stage.DATA, error.smtp_code, raw if isinstance(raw, bytes) else raw.encode()) from error
    if code != 250:
        raise _refused(Stage.CONTENT, code, reply)


def _command(stage: Stage, command: Callable[[], tuple[int, bytes]]) -> None:
    try:
        code, reply = command()
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryRefused(f"{_VERBS[stage]}: {_reply_text(error)}") from error
    if code not in (250, 251):
        raise _refused(stage, code, reply)


def _refused(stage: Stage, code: int, reply: bytes) -> DeliveryRefused:
    text = reply.decode(errors="replace")
    message = f"{_VERBS[stage]} {code} {' '.join(text.split())[:200]}".strip()
    return DeliveryRefused(message, classify(stage, code, text))


def _reply_text(error: Exception) -> str:
    """Return the server's reply, or the name of the exception if there is none."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {' '.join(text.split())}"[:250]
    return type(error).__name__
