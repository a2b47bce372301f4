"""Webhooks of gateways: delivery status and inbound messages. Every request must be signed.

The gateway in the URL determines the account, because several accounts may know the same number.
"""

import re
import uuid
from collections.abc import Collection
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotFound, QueryDict
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from communications.channels import gateways
from communications.channels.gateway import class_of
from communications.delivery import status_updates
from communications.delivery.status_updates import StatusUpdate
from communications.inbound import replies
from communications.models import Gateway, Medium, State

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 64 * 1024
# Replies are stored completely. A letter of Arabic takes six bytes in a form.
MAX_REPLY_BYTES = 8 * 1024 * 1024
_STATES = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), State.SENT),
    "delivered": State.DELIVERED,
    "read": State.READ,
    **dict.fromkeys(("undelivered", "failed", "canceled"), State.BOUNCED),
}
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
# The fields that are read: required ones, and one optional.
_STATUS_FIELDS, _STATUS_OPTION = ("AccountSid", "MessageSid", "MessageStatus"), "ErrorCode"
_INBOUND_FIELDS, _INBOUND_OPTION = ("AccountSid", "MessageSid", "From", "Body"), "NumMedia"
# Other fields of the provider whose names begin with one of the required names.
_LONGER_NAMES = {"FromCity", "FromState", "FromZip", "FromCountry"}


@csrf_exempt
@require_POST
def status(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Apply a status update. Respond 204, also to repeated ones, and 404 if the message is not this gateway's."""
    gateway = _signed_by(request, gateway_id)
    if isinstance(gateway, HttpResponse):
        return gateway
    data = request.POST
    if not _is_unambiguous(data, _STATUS_FIELDS, _STATUS_OPTION):
        return HttpResponseForbidden()
    state, sid = _STATES.get(data.get("MessageStatus", "").lower()), data.get("MessageSid", "")
    if not gateways.is_sid(sid):
        return HttpResponseNotFound()
    if state is None:
        log.info("provider_status_unknown", gateway=str(gateway.pk))
        return HttpResponse(status=204)
    code = data.get("ErrorCode", "")
    number = int(code) if code.isascii() and code.isdecimal() and len(code) < 8 else None
    update = StatusUpdate(
        provider_id=sid,
        state=state,
        message_id=_uuid(request.GET.get("message", "")),
        error=f"{data['MessageStatus'].lower()} {number or ''}".strip() if state == State.BOUNCED else "",
        refusal=class_of(number),
    )
    is_known = status_updates.apply(gateway.account, gateway.channel, update)
    return HttpResponse(status=204) if is_known else HttpResponseNotFound()


@csrf_exempt
@require_POST
def inbound(request: HttpRequest, gateway_id: uuid.UUID) -> HttpResponse:
    """Store an inbound message. Respond with an empty TwiML document, so that no automatic reply is sent."""
    gateway = _signed_by(request, gateway_id, MAX_REPLY_BYTES)
    if isinstance(gateway, HttpResponse):
        return gateway
    if not _is_unambiguous(request.POST, _INBOUND_FIELDS, _INBOUND_OPTION):
        return HttpResponseForbidden()
    sid, sender = request.POST.get("MessageSid", ""), request.POST.get("From", "")
    is_whatsapp, number = sender.startswith("whatsapp:"), sender.removeprefix("whatsapp:")
    if is_whatsapp != (gateway.channel == Medium.WHATSAPP) or not gateways.is_sid(sid) or not _NUMBER.fullmatch(number):
        return HttpResponseNotFound()
    text, media = request.POST.get("Body", ""), request.POST.get("NumMedia", "0")
    if media.isascii() and media.isdecimal() and int(media[:3]):  # often a receipt; it remains at the provider
        text = f"{text}\n[{media[:3]} attached]".strip()
    replies.receive(gateway.account, gateway.channel, number, text, sid)
    return HttpResponse("<Response/>", content_type="text/xml")


def _signed_by(request: HttpRequest, gateway_id: uuid.UUID, max_bytes: int = MAX_BODY_BYTES) -> Gateway | HttpResponse:
    """Return the gateway whose token signed this request, or an error response."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > max_bytes:
        return HttpResponse(status=413)
    gateway: Gateway | None = Gateway.objects.select_related("account").filter(pk=gateway_id).first()
    if gateway is None:
        return HttpResponseNotFound()
    signature = request.headers.get("X-Twilio-Signature", "")
    url = settings.BASE_URL + request.get_full_path()
    fields: Any = request.POST.lists()
    if not gateways.is_signed(gateway, signature, url, fields):
        log.warning("callback_not_signed", gateway=str(gateway.pk))
        return HttpResponseForbidden()
    if request.POST.get("AccountSid") != gateway.account_sid:
        return HttpResponseForbidden()
    return gateway


def _is_unambiguous(data: QueryDict, needed: Collection[str], optional: str) -> bool:
    """Return True if the signature covers exactly the fields that are read.

    The signature is computed over the concatenated names and values, so Body=STOP and BodyST=OP have the same one.
    Therefore each required field must occur once, no other name may be a prefix of it or begin with it, and the name of
    the optional field must not occur in the value of a preceding field.
    """
    counts = {name: len(values) for name, values in data.lists()}
    if any(counts.get(name) != 1 for name in needed) or counts.get(optional, 0) > 1:
        log.warning("callback_incomplete", fields=sorted(counts)[:50])
        return False
    for read in (*needed, optional):
        for name in counts.keys() - {read} - _LONGER_NAMES:
            if name.startswith(read) or read.startswith(name):
                log.warning("callback_ambiguous", field=name[:50])
                return False
    # Body is exempt: the required field From follows it.
    before = (values for name, values in data.lists() if name < optional and name != "Body")
    return not any(optional in value for values in before for value in values)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


urlpatterns = [
    path("hooks/messages/<uuid:gateway_id>/status", status, name="message-status"),
    path("hooks/messages/<uuid:gateway_id>/inbound", inbound, name="message-inbound"),
]
