"""Webhooks of the mail provider through django-anymail: delivery status and inbound mail.

They are active only with MAIL_PROVIDER, and every request carries MAIL_PROVIDER_SECRET. Status events are matched by
our message id in the metadata, or by the provider's id; inbound mail by the reply address, or by In-Reply-To and
References. Inbound mail that matches no message is ignored.
"""

import base64
import functools
import hashlib
import io
import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from anymail.signals import EventType, RejectReason, inbound, tracking
from anymail.urls import urlpatterns as _of_all_providers
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from communications import channels
from communications.channels import Refusal
from communications.channels.refusals import classify_text
from communications.contacts import addresses
from communications.delivery import status_updates
from communications.delivery.status_updates import StatusUpdate
from communications.inbound import automatic, delivery_reports, inbox, mail_parts, replies
from communications.inbound.inbox import Mail
from communications.models import Medium, Source, State

log = structlog.get_logger(__name__)

_STATES = {
    EventType.QUEUED: State.SENT,
    EventType.SENT: State.SENT,
    EventType.DELIVERED: State.DELIVERED,
    EventType.OPENED: State.READ,
    EventType.CLICKED: State.READ,
    EventType.BOUNCED: State.BOUNCED,
    EventType.REJECTED: State.BOUNCED,
    EventType.FAILED: State.BOUNCED,
}
_OPT_OUTS = {EventType.COMPLAINED: "marked as spam", EventType.UNSUBSCRIBED: "unsubscribed at the mail provider"}
_SUFFIX = re.compile(r"\+([0-9a-f]{32})@", re.IGNORECASE)
_SUFFIX_IN_BYTES = re.compile(rb"\+([0-9a-fA-F]{32})(?:@|%40)")
_OWN_ID = re.compile(r"([0-9a-f-]{36})@inflow")
_MAX_REFERENCES = 20_000
_ID = re.compile(r"<([^<>\s]+)>")
# The largest mail with attachments that providers forward. Read only after the secret was checked.
_MAX_MAIL_BYTES = 64 * 1024 * 1024
_NOT_CAUSED_BY_MAIL = (SuspiciousOperation, PermissionDenied, ImproperlyConfigured, DatabaseError)
_UNREADABLE = "[This email can't be displayed. Read it at the mail provider.]"


def urls(provider: str) -> list[URLPattern]:
    """Return the URL patterns of the provider: `<provider>/tracking/` and, if supported, `<provider>/inbound/`."""
    own = [pattern for pattern in _of_all_providers if (pattern.name or "").startswith(f"{provider}_")]
    if not own:
        raise ImproperlyConfigured(f"MAIL_PROVIDER: django-anymail has no webhooks of {provider}.")
    return [
        path(str(pattern.pattern), _accepting_malformed_mail(pattern.callback), name=pattern.name) for pattern in own
    ]


def _accepting_malformed_mail(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap a view so that it also accepts mail that anymail cannot parse: too large, or malformed.

    Such a mail, and one with very long headers, is parsed again without attachments and with repaired headers. If this
    fails, or the mail is built to exhaust the parser, it is stored as unreadable. The secret is checked before the body
    is read.
    """

    @csrf_exempt
    @functools.wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponseBase:
        body = b""
        try:
            if not _is_of_the_provider(request):
                return view(request)  # the view refuses the request
            if request.content_type == "multipart/form-data":  # Django's limit excludes files
                body = request.read(_MAX_MAIL_BYTES)
                request = _with_body(request, body)
            else:
                body = request.body
            if mail_parts.is_bomb(body):
                _store_unreadable(body)
                log.error("mail_unreadable", reason="too many parts")
                return HttpResponse()
            if request.content_type != "application/json" or not mail_parts.has_long_header(body):
                return view(request)
        except RequestDataTooBig:
            body = request.read(_MAX_MAIL_BYTES)
        except _NOT_CAUSED_BY_MAIL:
            raise
        except Exception:
            log.warning("mail_hook_malformed", path=request.path, exc_info=True)
            body = body or request.body
        try:
            return view(_with_body(request, mail_parts.repaired(body)))
        except _NOT_CAUSED_BY_MAIL:
            raise
        except Exception:
            if not _store_unreadable(body):
                raise
            log.exception("mail_unreadable")
            return HttpResponse()

    return wrapper


def _with_body(request: HttpRequest, body: bytes) -> HttpRequest:
    return WSGIRequest({**request.META, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})


def _is_of_the_provider(request: HttpRequest) -> bool:
    expected = base64.b64encode(settings.ANYMAIL["WEBHOOK_SECRET"].encode()).decode()
    credentials = request.headers.get("Authorization", "").removeprefix("Basic ")
    return constant_time_compare(credentials, expected)


def _store_unreadable(body: bytes) -> bool:
    """Store a placeholder for an unreadable mail if it refers to one of our messages. Return True if it does."""
    for found in _SUFFIX_IN_BYTES.findall(body):
        if mail := inbox.find_mail(id=uuid.UUID(found.decode())):
            provider_id = hashlib.sha256(body).hexdigest()
            replies.receive(mail.row.account, Medium.EMAIL, mail.recipient, _UNREADABLE, provider_id, answered=mail)
            return True
    return False


@receiver(tracking)
def handle_tracking(sender: object, event: Any, **_: Any) -> None:
    mail = _mail_of_event(event)
    if mail is None:
        log.info("mail_event_unmatched", event_type=event.event_type)
        return
    row = mail.row
    if event.event_type in _OPT_OUTS:
        at, text = row.account.now(), _OPT_OUTS[event.event_type]
        addresses.opt_out(row.account, row.channel, mail.recipient, at, source=Source.PROVIDER, text=text)
        return
    state = _STATES.get(event.event_type)
    if state is None:
        return
    update = StatusUpdate(
        provider_id=mail.provider_id or _without_brackets(event.message_id) or channels.mail_id(mail.id),
        state=state,
        message_id=mail.id,
        error=_error(event) if state == State.BOUNCED else "",
        refusal=_refusal(event),
    )
    status_updates.apply(row.account, row.channel, update)


@receiver(inbound)
def handle_inbound(sender: object, event: Any, **_: Any) -> None:
    mail = event.message
    if _is_report(mail):
        delivery_reports.apply(mail, _mail_replied_to(mail))
        return
    if automatic.is_automatic(mail):
        log.info("mail_answer_automatic")
        return
    answered = _mail_replied_to(mail)
    if answered is None:
        log.warning("mail_answer_unmatched")
        return
    writer, text = mail_parts.sender_of(mail) or answered.recipient, mail_parts.body(mail)
    account, provider_id = answered.row.account, _provider_id(event, writer, text)
    replies.receive(account, Medium.EMAIL, writer, text, provider_id, answered=answered)


def _is_report(mail: Any) -> bool:
    try:
        return delivery_reports.is_report(mail)
    except Exception:
        log.warning("mail_not_parsed", exc_info=True)
        return False


def _provider_id(event: Any, writer: str, text: str) -> str:
    """Return an id that is the same for repeated deliveries of a mail, even if it has no Message-ID."""
    if provider_id := mail_parts.header(event.message, "Message-ID").removeprefix("<").removesuffix(">").strip():
        return provider_id
    if event.event_id:
        return str(event.event_id)
    date = mail_parts.header(event.message, "Date")
    return hashlib.sha256(f"{writer}\n{date}\n{text}".encode(errors="replace")).hexdigest()


def _mail_of_event(event: Any) -> Mail | None:
    message_id = _uuid((event.metadata or {}).get(channels.MAIL_KEY)) or _own(event.message_id)
    if message_id:
        return inbox.find_mail(id=message_id)
    provider_id = _without_brackets(event.message_id)
    return inbox.find_mail(provider_ids=[provider_id]) if provider_id else None


def _mail_replied_to(mail: Any) -> Mail | None:
    headers = [value for name in ("To", "Cc", "Bcc") for value in mail_parts.raw_values(mail, name)]
    for address in (mail.envelope_recipient or "", *headers):
        for found in _SUFFIX.findall(address[:_MAX_REFERENCES])[:50]:
            if answered := inbox.find_mail(id=uuid.UUID(found)):
                return answered
    message = " ".join(" ".join(mail_parts.raw_values(mail, name)) for name in ("In-Reply-To", "References"))
    for provider_id in _ID.findall(message[:_MAX_REFERENCES])[:50]:
        known_as = [provider_id, provider_id.partition("@")[0]]
        if answered := inbox.find_mail(id=_own(provider_id), provider_ids=known_as):
            return answered
    return None


def _refusal(event: Any) -> Refusal:
    """Return the class of a bounce, by the server's reply if the provider passes it on."""
    reason, message = event.reject_reason, event.mta_response or event.description or ""
    if reason in (RejectReason.UNSUBSCRIBED, RejectReason.SPAM):
        return Refusal.OPTED_OUT
    if event.event_type == EventType.REJECTED and reason in (RejectReason.BOUNCED, RejectReason.INVALID):
        return Refusal.ADDRESS  # on the provider's suppression list
    if not message:
        if reason == RejectReason.INVALID:
            return Refusal.ADDRESS
        return Refusal.OURS if reason in (RejectReason.BLOCKED, RejectReason.TIMED_OUT) else Refusal.MAILBOX
    kind = classify_text(message)
    return Refusal.MAILBOX if kind == Refusal.ADDRESS and _is_soft(event) else kind


def _is_soft(event: Any) -> bool:
    """Return True if the provider classifies a bounce as temporary."""
    details = event.esp_event if isinstance(event.esp_event, dict) else {}
    bounce = details.get("bounce") if isinstance(details.get("bounce"), dict) else {}
    is_transient = isinstance(bounce, dict) and bounce.get("bounceType") == "Transient"
    return is_transient or details.get("Type") == "SoftBounce" or details.get("severity") == "temporary"


def _error(event: Any) -> str:
    message = " ".join(filter(None, (event.event_type, event.mta_response or event.description or "")))
    return " ".join(message.split())[:300]


def _own(text: Any) -> uuid.UUID | None:
    found = _OWN_ID.search(str(text or ""))
    return _uuid(found[1]) if found else None


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def _without_brackets(provider_id: Any) -> str:
    """Return a message id without its brackets."""
    return str(provider_id or "").strip().removeprefix("<").removesuffix(">")[:255]
