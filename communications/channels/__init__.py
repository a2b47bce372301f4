"""The ways out: email over SMTP, SMS and WhatsApp over HTTP through the account's gateways.

A test account's messages are captured: the frozen communication is what the dashboard shows.
"""

import uuid
from types import TracebackType
from typing import Self

from communications.channels import gateways
from communications.channels.email import MAIL_KEY, Mailer, email, is_mail_captured, mail_id
from communications.channels.gateway import GatewayConnection
from communications.channels.outcomes import DeliveryUnknown, Expired, Outage, Refusal, Refused, Unavailable
from communications.models import Communication, Medium
from inflow.accounts.models import Account

__all__ = [
    "MAIL_KEY",
    "DeliveryUnknown",
    "Expired",
    "Mailer",
    "Outage",
    "Refusal",
    "Refused",
    "Transports",
    "Unavailable",
    "email",
    "is_captured",
    "is_configured",
    "mail_id",
]


def is_configured(account: Account, channel: str) -> bool:
    """Whether the account can be sent for on this channel: email is the installation's, the others need a gateway."""
    return channel == Medium.EMAIL or channel in gateways.of(account)


def is_captured(account: Account, channel: str) -> bool:
    """Whether a message stays here: a test account's. Where there is no way out, its channel has to say so."""
    if channel == Medium.EMAIL:
        return is_mail_captured(account)
    gateway = gateways.of(account).get(channel)
    return gateway is not None and gateways.is_captured(account, gateway)


class Transports:
    """What a worker keeps open while it sends one message after the other."""

    def __init__(self) -> None:
        self._mailer = Mailer()
        self._gateways: dict[uuid.UUID, GatewayConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mailer.__exit__(kind, error, trace)
        for connection in self._gateways.values():
            connection.close()

    def connect(self, account: Account, channel: str) -> None:
        """To be called before a message passes its gate. Raises `Away`."""
        if channel == Medium.EMAIL:
            self._mailer.connect(account)
        elif connection := self._gateway_connection(account, channel):
            connection.connect()

    def deliver(self, row: Communication, account: Account, *, deadline: float) -> str:
        """Hand a message over that passed the gate, if it can begin `by` then (on the monotonic clock). The provider's
        id of it, if there is one.

        Raises `Refused` where it surely did not leave; after anything else it may have.
        """
        if row.channel == Medium.EMAIL:
            return self._mailer.deliver(email(row), account, deadline=deadline)
        connection = self._gateway_connection(account, row.channel)
        if connection is None:
            raise Refused("no gateway")
        return connection.deliver(row, deadline=deadline)

    def _gateway_connection(self, account: Account, channel: str) -> GatewayConnection | None:
        gateway = gateways.of(account).get(channel)
        if gateway is None:
            return None
        return self._gateways.setdefault(gateway.pk, GatewayConnection(gateway, account))
