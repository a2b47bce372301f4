"""The gateway of `make run`. It has the HTTP interface of a real one, reports each message as delivered after a moment,
and can reply in the debtor's place. Nothing leaves the machine. inflow/urls.py includes it if TRY_OUT is set.
"""

import base64
import binascii
import hmac
import re
import secrets
import threading
import uuid
from collections.abc import Mapping

import requests
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from communications.channels import gateways
from communications.channels.gateway import VERSION
from communications.models import Communication, Gateway, Kind, Medium
from inflow.accounts.models import Account, Language

log = structlog.get_logger(__name__)

PATH = "demo/gateway"
DELIVERED_AFTER_SECONDS = 1.5
REPLIED_AFTER_SECONDS = 0.3
SENDERS = {Medium.SMS: "InFlow", Medium.WHATSAPP: "+97145550100"}
# Every template counts as approved.
_TEMPLATES = {f"{kind}.{language}": f"HX{kind}_{language}" for kind in Kind.values for language in Language.values}
_TO = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}")


def install(port: int) -> None:
    """Create this gateway for each account without one, and update the port in existing ones."""
    url = f"http://127.0.0.1:{port}/{PATH}"
    Gateway.objects.filter(base_url__endswith=f"/{PATH}").exclude(base_url=url).update(base_url=url)
    existing = Gateway.objects.filter(base_url=url, channel=Medium.WHATSAPP)
    existing.filter(content_sids={}).update(content_sids=_TEMPLATES)
    made = []
    for account in Account.objects.filter(gateways=None):
        token = secrets.token_hex(16)
        for channel, sender in SENDERS.items():
            gateway = Gateway(
                account=account, channel=channel, base_url=url, account_sid=f"AC{account.pk.hex}", sender=sender
            )
            gateway.content_sids = _TEMPLATES if channel == Medium.WHATSAPP else {}
            gateways.set_token(gateway, token)
            made.append(gateway)
    Gateway.objects.bulk_create(made)


@csrf_exempt
@require_POST
def messages(request: HttpRequest, account_sid: str) -> HttpResponse:
    """Accept a message as Twilio does: 201 with an id, 401 for unknown credentials, 400 for an invalid number."""
    token = _token_of(request, account_sid)
    if token is None:
        refusal = {"code": 20003, "message": "Authenticate", "status": 401}
        return JsonResponse(refusal, status=401, headers={"WWW-Authenticate": 'Basic realm="Twilio API"'})
    data = request.POST
    if not _TO.fullmatch(data.get("To", "")):
        return JsonResponse({"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}, status=400)
    if not (data.get("Body") or data.get("ContentSid")):
        return JsonResponse({"code": 21602, "message": "Message body is required", "status": 400}, status=400)
    sid = f"SM{uuid.uuid4().hex}"
    fields = {"AccountSid": account_sid, "MessageSid": sid, "MessageStatus": "delivered"}
    fields |= {"To": data["To"], "From": data.get("From", "")}
    callback = data.get("StatusCallback", "")
    if callback.startswith(f"{settings.BASE_URL}/hooks/"):
        _call_later(DELIVERED_AFTER_SECONDS, callback, token, fields)
    return JsonResponse({"sid": sid, "status": "queued", "account_sid": account_sid}, status=201)


def reply(row: Communication, text: str) -> bool:
    """Send a reply to a message in the debtor's place, after a moment. Return False if the account has no gateway."""
    gateway = gateways.of(row.account).get(row.channel)
    if gateway is None:
        return False
    prefix = "whatsapp:" if row.channel == Medium.WHATSAPP else ""
    fields = {
        "AccountSid": gateway.account_sid,
        "MessageSid": f"SM{uuid.uuid4().hex}",
        "From": prefix + row.recipient,
        "To": prefix + gateway.sender,
        "Body": text,
    }
    _call_later(REPLIED_AFTER_SECONDS, gateways.hook_url(gateway, "inbound"), gateways.token_of(gateway), fields)
    return True


def _token_of(request: HttpRequest, account_sid: str) -> str | None:
    """Return the token from Basic authentication if it belongs to one of these gateways."""
    kind, _, coded = request.headers.get("Authorization", "").partition(" ")
    try:
        name, _, data = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if kind != "Basic" or name != account_sid:
        return None
    known = Gateway.objects.filter(account_sid=account_sid, base_url__endswith=f"/{PATH}")
    tokens = [gateways.token_of(gateway) for gateway in known]
    return data if any(hmac.compare_digest(token.encode(), data.encode()) for token in tokens) else None


def _call_later(seconds: float, url: str, token: str, fields: Mapping[str, str]) -> None:
    thread = threading.Timer(seconds, _call, (url, token, fields))
    thread.daemon = True
    thread.start()


def _call(url: str, token: str, fields: Mapping[str, str]) -> None:
    signature = gateways.sign(token, url, [(name, [value]) for name, value in fields.items()])
    try:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Twilio-Signature": signature}
            session.post(url, data=fields, headers=headers, timeout=10, allow_redirects=False)
    except requests.RequestException as error:  # the server is shutting down
        log.warning("local_callback_failed", error=type(error).__name__)


urlpatterns = [path(f"{PATH}/{VERSION}/Accounts/<str:account_sid>/Messages.json", messages)]
