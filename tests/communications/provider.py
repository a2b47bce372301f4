"""A provider of SMS and WhatsApp on loopback, in Twilio's shape; and what it calls back, signed by our own hand."""

import base64
import datetime as dt
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.conf import settings
from django.test import Client

from communications.models import Communication, Gateway
from inflow.accounts.models import Account
from tests import make
from tests.receiver import Answer, Receiver, Request

PHONE = "+971501234567"
_sids = itertools.count(1)


def takes(request: Request) -> Answer:
    return Answer(201, json.dumps({"sid": f"SM{next(_sids):032x}", "status": "queued"}).encode())


def refuses(status: int, code: int | None = None) -> Answer:
    return Answer(status, json.dumps({"code": code, "message": "No.", "status": status}).encode())


class Provider(Receiver):
    """`with Provider() as provider:`; `forms` are the messages that it was asked to send."""

    def __init__(self, answer: Answer | Callable[[Request], Answer] = takes) -> None:
        super().__init__(answer)
        self.base_url = f"http://127.0.0.1:{self.port}"

    @property
    def forms(self) -> list[dict[str, str]]:
        return [form_of(request) for request in self.requests]


def form_of(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}


def due_message(account: Account, **given: Any) -> Communication:
    """A reminder whose moment is now, to a debtor who has a phone and, unless it is given, no email. Its day has come:
    the invoice arrived five days ago."""
    given = {"debtor_email": "", "debtor_phone": PHONE, "created_at": account.now() - dt.timedelta(days=5), **given}
    return make.reminder_due(make.overdue_invoice(account, place=make.open_place(), **given))


def signature(url: str, fields: dict[str, str], token: str = make.TOKEN) -> str:
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def call(
    gateway: Gateway, hook: str, fields: dict[str, str], *, token: str = make.TOKEN, signed: str | None = None
) -> Any:
    """POST to one of the gateway's hooks, as the provider does."""
    path = f"/hooks/messages/{gateway.pk}/{hook}"
    fields = {"AccountSid": gateway.account_sid, **fields}
    signed = signature(settings.BASE_URL + path, fields, token) if signed is None else signed
    return Client(enforce_csrf_checks=True).post(
        path,
        urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signed},
    )


def tell(gateway: Gateway, sid: str, status: str, *, code: str = "", message: object = None, **how: Any) -> int:
    """The HTTP status that a status callback gets."""
    hook = "status" if message is None else f"status?message={message}"
    fields = {"MessageSid": sid, "MessageStatus": status, "To": PHONE} | ({"ErrorCode": code} if code else {})
    status_code: int = call(gateway, hook, fields, **how).status_code
    return status_code


def say(gateway: Gateway, text: str, *, sender: str = PHONE, sid: str | None = None, **how: Any) -> int:
    """The HTTP status that an inbound message gets."""
    prefix = "whatsapp:" if gateway.channel == "whatsapp" else ""
    fields = {"MessageSid": sid or f"SM{next(_sids):032x}", "From": prefix + sender, "To": "+1", "Body": text}
    status_code: int = call(gateway, "inbound", fields, **how).status_code
    return status_code
