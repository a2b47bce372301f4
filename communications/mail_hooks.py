"""What the mail provider tells, by django-anymail's webhooks: what became of an email, and what was answered.

For installations with MAIL_PROVIDER only, who alone is believed: each call carries MAIL_PROVIDER_SECRET. A message is
known by its own id, in the provider's metadata, or by the provider's; an answer by the address that it goes to, or by
the message that it says it answers. An answer to none of ours says nothing.
"""

import functools
import io
import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from anymail.signals import EventType, RejectReason, inbound, tracking
from anymail.urls import urlpatterns as _of_all_providers
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from communications import addresses, aftermath, automatic, channels, delivery_reports, holding, replies
from communications.aftermath import News
from communications.channels import Refusal
from communications.channels.refusals import classify_text
from communications.models import Communication, Medium, Source, State

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
_LEFT = {EventType.COMPLAINED: "marked as spam", EventType.UNSUBSCRIBED: "unsubscribed at the mail provider"}
_SUFFIX = re.compile(r"\+([0-9a-f]{32})@", re.IGNORECASE)
_OWN_ID = re.compile(r"([0-9a-f-]{36})@inflow")
_ID = re.compile(r"<([^<>\s]+)>")
# In JSON, one half of a pair: a high surrogate without a low one, or the other way round.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def urls(provider: str) -> list[URLPattern]:
    """The provider's own: `<provider>/tracking/` and, where it has one, `<provider>/inbound/`."""
    own = [pattern for pattern in _of_all_providers if (pattern.name or "").startswith(f"{provider}_")]
    if not own:
        raise ImproperlyConfigured(f"MAIL_PROVIDER: django-anymail has no webhooks of {provider}.")
    return [path(str(pattern.pattern), _with_any_text(pattern.callback), name=pattern.name) for pattern in own]


def _with_any_text(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view that also takes a mail with half an emoji in it, which JSON can hold and UTF-8 can't."""

    @csrf_exempt
    @functools.wraps(view)
    def take(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except UnicodeEncodeError:
            body = _LONE_SURROGATE.sub(rb"\\ufffd", request.body)
            log.warning("mail_hook_with_lone_surrogates")
            mended = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            return view(WSGIRequest({**request.META, **mended}))

    return take


@receiver(tracking)
def hear(sender: object, event: Any, **_: Any) -> None:
    row = _told_of(event)
    if row is None:
        log.info("mail_event_unmatched", event_type=event.event_type)
        return
    if event.event_type in _LEFT:
        at, text = row.account.now(), _LEFT[event.event_type]
        addresses.opt_out(row.account, row.channel, row.recipient, at, source=Source.PROVIDER, text=text)
        return
    state = _STATES.get(event.event_type)
    if state is None:
        return
    news = News(
        provider_id=row.provider_id or _bare(event.message_id) or channels.mail_id(row.message_id),
        state=state,
        message_id=row.message_id,
        error=_error(event) if state == State.BOUNCED else "",
        refusal=_refusal(event),
    )
    aftermath.hear(row.account, row.channel, news)


@receiver(inbound)
def answer(sender: object, event: Any, **_: Any) -> None:
    mail = event.message
    if delivery_reports.is_report(mail):
        delivery_reports.apply(mail, _answered(mail))
        return
    if automatic.is_automatic(mail):
        log.info("mail_answer_automatic")
        return
    row = _answered(mail)
    if row is None:
        log.warning("mail_answer_unmatched")
        return
    writer = getattr(mail.from_email, "addr_spec", "") or row.recipient
    text = mail.text or mail.stripped_text or ""
    if not text.strip():
        text = mail.html or ""
    if attached := len(mail.attachments):  # a receipt, often; it stays with the provider
        text = f"{text}\n[{attached} attached]".lstrip()
    known_as = str(mail.get("Message-ID") or event.event_id or uuid.uuid4().hex).strip()
    known_as = known_as.removeprefix("<").removesuffix(">")
    replies.receive(row.account, Medium.EMAIL, writer, text, known_as, answered=row)


def _told_of(event: Any) -> Communication | None:
    ours = _uuid((event.metadata or {}).get(channels.MAIL_KEY)) or _own(event.message_id)
    if ours:
        return _first(Q(message_id=ours))
    theirs = _bare(event.message_id)
    return _first(Q(provider_id=theirs)) if theirs else None


def _answered(mail: Any) -> Communication | None:
    to = [mail.envelope_recipient or "", *(address.addr_spec for address in (*mail.to, *mail.cc, *mail.bcc))]
    for address in to:
        found = _SUFFIX.search(address)
        if found and (row := _first(Q(message_id=uuid.UUID(found[1])))):
            return row
    said = f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}"
    for known_as in _ID.findall(said)[:50]:
        ours = _own(known_as)
        theirs = Q(provider_id__in=[known_as, known_as.partition("@")[0]])
        if row := _first(Q(message_id=ours) if ours else theirs):
            return row
    return None


def _first(wanted: Q) -> Communication | None:
    rows = Communication.objects.filter(wanted, channel=Medium.EMAIL).select_related("account", "debtor")
    return rows.order_by(*holding.GOES_FIRST).first()


def _refusal(event: Any) -> Refusal:
    """Return the class of a bounce. The server's own reply decides, where the provider passes it on."""
    reason, said = event.reject_reason, event.mta_response or event.description or ""
    if reason in (RejectReason.UNSUBSCRIBED, RejectReason.SPAM):
        return Refusal.OPTED_OUT
    if event.event_type == EventType.REJECTED and reason in (RejectReason.BOUNCED, RejectReason.INVALID):
        return Refusal.ADDRESS  # on the provider's own list of dead addresses
    if not said:
        if reason == RejectReason.INVALID:
            return Refusal.ADDRESS
        return Refusal.OURS if reason in (RejectReason.BLOCKED, RejectReason.TIMED_OUT) else Refusal.MAILBOX
    kind = classify_text(said)
    return Refusal.MAILBOX if kind == Refusal.ADDRESS and _is_soft(event) else kind


def _is_soft(event: Any) -> bool:
    """Return whether the provider itself calls a bounce temporary."""
    told = event.esp_event if isinstance(event.esp_event, dict) else {}
    bounce = told.get("bounce") if isinstance(told.get("bounce"), dict) else {}
    is_transient = isinstance(bounce, dict) and bounce.get("bounceType") == "Transient"
    return is_transient or told.get("Type") == "SoftBounce" or told.get("severity") == "temporary"


def _error(event: Any) -> str:
    said = " ".join(filter(None, (event.event_type, event.mta_response or event.description or "")))
    return " ".join(said.split())[:300]


def _own(text: Any) -> uuid.UUID | None:
    found = _OWN_ID.search(str(text or ""))
    return _uuid(found[1]) if found else None


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def _bare(known_as: Any) -> str:
    """An id of a mail without its brackets."""
    return str(known_as or "").strip().removeprefix("<").removesuffix(">")[:255]
