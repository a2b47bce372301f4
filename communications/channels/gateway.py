"""SMS and WhatsApp over HTTP, in the shape of Twilio's Messages API."""

import contextlib
import json
import time
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings

from communications.channels import gateways, http
from communications.channels.errors import (
    DeliveryRefused,
    DeliveryUnknown,
    GateExpired,
    RequestInterrupted,
    RequestNotSent,
    TransportUnavailable,
)
from communications.channels.outcomes import Refusal
from communications.models import Communication, Gateway, Medium
from inflow.accounts.models import Account
from invoices import money

VERSION = "2010-04-01"
# Twilio's error codes by class of refusal. Twilio adds codes from time to time: an unknown one counts as an attempt and
# marks no address as invalid.
NO_SUCH_RECIPIENT = frozenset({21211, 21214, 21217, 21265, 21614, 21635, 30005, 30006, 63003, 63024})
OPTED_OUT = frozenset({21610})
OURS = frozenset(
    {
        *(14107, 20429, 21611, 30001, 30022, 63018, 63038),  # too many at once, a queue that is full, a daily limit
        *(20003, 20005, 20006, 20008, 20403, 20404, 20426),  # credentials, the account's own state, its address
        *(21404, 21601, 21603, 21606, 21607, 21608, 21659, 21660, 21661, 21662),  # the sender's number
        *(21408, 21701, 21703, 21704, 21705, 21712),  # what the account or its messaging service may do
        *(30002, 30010, 30024, 30034, 30035, 63007, 63010, 63020, 63051),  # suspended, unregistered, misconfigured
    }
)


def class_of(code: int | None, status: int | None = None) -> Refusal:
    """Return the class of a refusal by the provider's error code and the HTTP status of its response."""
    if code in NO_SUCH_RECIPIENT:
        return Refusal.ADDRESS
    if code in OPTED_OUT:
        return Refusal.OPTED_OUT
    # 400 concerns this message; 401, 403, 404, 429, 503 or a redirect would be the response to any.
    is_ours = code in OURS or (status is not None and status not in (400, 413, 422))
    return Refusal.OURS if is_ours else Refusal.MAILBOX


class GatewayConnection:
    """A connection to one gateway. After a timeout or a failed connection it is not used again in the same batch."""

    def __init__(self, gateway: Gateway, account: Account) -> None:
        self._gateway = gateway
        self._is_captured = gateways.is_captured(account, gateway)
        self._connection = http.Connection(gateway.base_url)
        self._failure = ""

    def connect(self) -> None:
        """Open the connection. Raise `TransportUnavailable` on failure."""
        if self._is_captured:
            return
        if self._failure:
            raise TransportUnavailable(self._failure)
        try:
            self._connection.connect()
        except RequestNotSent as error:
            self._failure = str(error)
            raise TransportUnavailable(self._failure) from error

    def deliver(self, row: Communication, *, deadline: float) -> str:
        """Deliver a message and return the provider's id for it. Raise an exception of `outcomes` on failure."""
        if time.monotonic() > deadline:
            raise GateExpired("gate_expired")
        if self._is_captured:
            return ""
        try:
            sid, token = self._gateway.account_sid, gateways.token_of(self._gateway)
            path, form = f"/{VERSION}/Accounts/{sid}/Messages.json", _form(self._gateway, row)
            self.connect()
            if time.monotonic() > deadline:
                raise GateExpired("gate_expired")
            response = self._connection.post(path, form, (sid, token), total_s=settings.GATEWAY_TIMEOUT)
        except (TransportUnavailable, RequestNotSent) as error:
            raise TransportUnavailable(f"gateway unavailable: {error}") from error
        except InvalidToken as error:
            raise DeliveryRefused("no key of FIELD_KEYS decrypts the gateway's token") from error
        except RequestInterrupted as error:
            self._failure = str(error)
            raise DeliveryUnknown(self._failure) from error
        return _sid_of(response)

    def close(self) -> None:
        self._connection.close()


def _form(gateway: Gateway, row: Communication) -> dict[str, str]:
    form = {
        "To": _address(gateway, row.recipient),
        "StatusCallback": f"{gateways.hook_url(gateway, 'status')}?message={row.message_id}",
    }
    if gateways.is_service(gateway.sender):
        form["MessagingServiceSid"] = gateway.sender
    else:
        form["From"] = _address(gateway, gateway.sender)
    if template := gateways.template_of(gateway, row.kind, row.language):
        variables = dict(enumerate(_variables(row), start=1))
        return form | {"ContentSid": template, "ContentVariables": json.dumps(variables, ensure_ascii=False)}
    return form | {"Body": row.body}


def _variables(row: Communication) -> list[str]:
    """Return the variables of a template: {{1}} name, {{2}} invoice, {{3}} balance less credit, {{4}} due date,
    {{5}} account. Line breaks are removed because providers refuse them."""
    invoice = row.invoice
    frozen = (amount for amount in (row.asked, row.amount) if amount is not None)
    amount = money.display(next(frozen, invoice.balance), invoice.currency)
    values = (invoice.debtor_name, invoice.invoice_number, amount, f"{invoice.due_date:%d/%m/%Y}", row.account.name)
    return [" ".join(value.split()) for value in values]


def _address(gateway: Gateway, number: str) -> str:
    return f"whatsapp:{number}" if gateway.channel == Medium.WHATSAPP else number


def _sid_of(response: http.Response) -> str:
    data: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(response.body)
    data = data if isinstance(data, dict) else {}
    if 200 <= response.status < 300:
        sid = data.get("sid")
        if isinstance(sid, str) and gateways.is_sid(sid):
            return sid
        raise DeliveryUnknown(f"HTTP {response.status} without an id")
    code = data.get("code") if isinstance(data.get("code"), int) else None
    message = " ".join(f"HTTP {response.status} {code or ''} {data.get('message') or ''}".split())[:250]
    if 300 <= response.status < 500 or response.status == 503:
        raise DeliveryRefused(message, class_of(code, response.status))
    raise DeliveryUnknown(f"HTTP {response.status}")
