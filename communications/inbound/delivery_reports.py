"""Delivery reports that arrive by mail (RFC 3464, and older formats that flufl.bounce recognizes).

A report is never a reply. It is applied to the message that it returns, if the failed recipient is the message's.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.parser import HeaderParser
from typing import Any

import structlog
from flufl.bounce import all_failures

from communications import channels
from communications.channels import Refusal
from communications.channels.refusals import classify_text, has_reply
from communications.delivery import status_updates
from communications.delivery.status_updates import StatusUpdate
from communications.inbound import inbox
from communications.inbound.inbox import Mail
from communications.inbound.mail_parts import header
from communications.models import Medium, State
from invoices.debtors.debtors import normalise_email

log = structlog.get_logger(__name__)

# Longer reports are truncated to this size.
_MAX_READ = 64 * 1024
_MAX_PROSE = 16 * 1024
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_ROBOTS = ("mailer-daemon", "postmaster", "mail-daemon", "mailer_daemon", "mailerdaemon")
_OWN_ID = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@inflow", re.IGNORECASE)
_OWN_HEADER = re.compile(r"X-InFlow-Message:\s*([0-9a-f-]{36})", re.IGNORECASE)


# The end of the text about a recipient in a free-form report: an empty line, or the copy of the message.
_NEXT = re.compile(r"\n[ \t\r]*\n|^(?:--|Return-Path:|Received:|Message-ID:)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Failure:
    """Status of one recipient in a delivery report, with its original and its final address."""

    recipients: tuple[str, ...]
    action: str
    diagnostic_text: str


def is_report(mail: Any) -> bool:
    if mail.get_content_type() == "multipart/report":
        return str(mail.get_param("report-type", "delivery-status")).lower() == "delivery-status"
    return _is_by_robot(mail) and (bool(_status_parts(mail)) or any(_in_prose(mail)))


def apply(mail: Any, sent: Mail | None) -> None:
    """Apply a report to `sent`, the mail that it replies to, or else to the mail that it returns."""
    sent = sent or _returned(mail)
    if sent is None:
        log.info("delivery_report_unmatched")
        return
    failure = _failure_of(mail, sent)
    if failure is None:
        log.info("delivery_report_without_failure", message=str(sent.id))
        return
    is_ours = normalise_email(sent.recipient) in failure.recipients
    refusal = classify_text(failure.diagnostic_text)
    if refusal == Refusal.ADDRESS and not is_ours:  # an address behind a forward, which we do not know
        refusal = Refusal.MAILBOX
    log.warning("delivery_report", message=str(sent.id), kind=refusal.value, error=failure.diagnostic_text[:300])
    update = StatusUpdate(
        provider_id=sent.provider_id or channels.mail_id(sent.id),
        state=State.BOUNCED,
        message_id=sent.id,
        error=f"reported: {failure.diagnostic_text}"[:300],
        refusal=refusal,
    )
    status_updates.apply(sent.row.account, Medium.EMAIL, update)


def _failure_of(mail: Any, sent: Mail) -> Failure | None:
    """Return the failure of the mail's recipient, or else the first failure in the report."""
    failures = [failure for failure in _failures(mail) if failure.action == "failed"]
    own = normalise_email(sent.recipient)
    return next((failure for failure in failures if own in failure.recipients), failures[0] if failures else None)


def _failures(mail: Any) -> Iterator[Failure]:
    parts = _status_parts(mail)
    for fields in (fields for part in parts for fields in _blocks(part)):
        named = [_address(fields.get(name)) for name in ("Original-Recipient", "Final-Recipient")]
        diagnostic, status = " ".join(str(fields.get("Diagnostic-Code") or "").split()), str(fields.get("Status") or "")
        diagnostic_text = diagnostic if has_reply(diagnostic) else f"{status.strip()[:12]} {diagnostic}".strip()
        if fields.get("Action"):
            action = str(fields["Action"]).strip().lower()
            yield Failure(tuple(address for address in named if address), action, diagnostic_text)
    if not parts:
        text = _text(mail)
        for found in _in_prose(mail)[1]:
            address = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
            _, _, after = text.partition(address)
            diagnostic_text = next(filter(str.strip, _NEXT.split(after or text, maxsplit=2)), "")
            yield Failure((normalise_email(address),), "failed", " ".join(diagnostic_text[:800].split()))


def _in_prose(mail: Any) -> Any:
    """Return the temporary and permanent failures that flufl.bounce finds in the beginning of a mail."""
    return all_failures(message_from_bytes(mail.as_bytes()[:_MAX_PROSE]))


def _status_parts(mail: Any) -> list[Any]:
    return [part for part in mail.walk() if part.get_content_type() in _STATUS_TYPES]


def _blocks(part: Any) -> list[Message]:
    """Return the groups of fields in a report: first of the message, then of each recipient."""
    payload = part.get_payload()
    if isinstance(payload, list):  # the parser may have read the first group as headers and the rest as a body
        text = "\n\n".join(f"{_fields(group)}\n\n{_content(group)}" for group in payload)
    else:
        text = _content(part)
    return [HeaderParser().parsestr(block) for block in re.split(r"(?:\r?\n){2,}", text[:_MAX_READ].strip())]


def _address(field: Any) -> str:
    """Return the address of `rfc822;name@host`."""
    return normalise_email(str(field or "").rpartition(";")[2].strip().strip("<>"))


def _is_by_robot(mail: Any) -> bool:
    sender = header(mail, "From").lower()
    is_automatic = header(mail, "Auto-Submitted").lower() not in ("", "no")
    return mail.envelope_sender == "" or is_automatic or any(name in sender for name in _ROBOTS)


def _returned(mail: Any) -> Mail | None:
    """Return our mail whose headers a report contains, or None."""
    text = _text(mail)
    for pattern in (_OWN_HEADER, _OWN_ID):
        for found in pattern.findall(text)[:5]:
            if sent := inbox.find_mail(id=uuid.UUID(found)):
                return sent
    return None


def _text(mail: Any) -> str:
    """Return all text of a mail, including the headers of the returned message."""
    texts: list[str] = []
    for part in mail.walk():
        if part.is_multipart():
            texts.append(_fields(part) if part is not mail else "")
            continue
        texts += [_content(part), _fields(part)]
    return "\n".join(texts)[:_MAX_READ]


def _content(part: Any) -> str:
    raw = part.get_payload(decode=True)
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(part.get_payload() or "")


def _fields(part: Any) -> str:
    return "\n".join(f"{name}: {value}" for name, value in part.raw_items())
