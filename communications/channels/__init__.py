"""Transports: email over SMTP, SMS and WhatsApp over HTTP through the account's gateways.

Messages of test accounts are captured: they are recorded as sent, but not transmitted.
"""

import uuid
from typing import Self

from communications.channels import gateways
from communications.channels.email import MAIL_KEY, Mailer, email, is_mail_captured, mail_id
from communications.channels.errors import DeliveryRefused, DeliveryUnknown, GateExpired, TransportUnavailable
from communications.channels.gateway import GatewayConnection
from communications.channels.outcomes import Outage, Refusal
from communications.models import Communication, Medium
from inflow.accounts.models import Account

__all__ = [
    "MAIL_KEY",
    "DeliveryRefused",
    "DeliveryUnknown",
    "GateExpired",
    "Mailer",
    "Outage",
    "Refusal",
    "TransportUnavailable",
    "Transports",
    "email",
    "is_captured",
    "is_configured",
    "mail_id",
]


def is_configured(account: Account, channel: str) -> bool:
    """Return True if the account can send on this channel. Email always works; other channels need a gateway."""
    return channel == Medium.EMAIL or channel in gateways.of(account)


def is_captured(account: Account, channel: str) -> bool:
    """Return True if messages of this account on this channel are recorded but not transmitted."""
    if channel == Medium.EMAIL:
        return is_mail_captured(account)
    gateway = gateways.of(account).get(channel)
    return gateway is not None and gateways.is_captured(account, gateway)


class Transports:
    """Connections that a worker keeps open between messages: one to the mail server and one for each gateway."""

    def __init__(self) -> None:
        self._mailer = Mailer()
        self._gateways: dict[uuid.UUID, GatewayConnection] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mailer.close()
        for connection in self._gateways.values():
            connection.close()

    def connect(self, account: Account, channel: str) -> None:
        """Open the connection of a channel, before a message passes the gate. Raise `TransportUnavailable`."""
        if channel == Medium.EMAIL:
            self._mailer.connect(account)
        elif connection := self._gateway_connection(account, channel):
            connection.connect()

    def deliver(self, row: Communication, account: Account, *, deadline: float) -> str:
        """Deliver a message that passed the gate and return the provider's id for it, or an empty string.

        `deadline` is a reading of `time.monotonic()` by which delivery must begin. Raise `DeliveryRefused` if the
        message was not sent. After any other exception it may have been sent.
        """
        if row.channel == Medium.EMAIL:
            return self._mailer.deliver(email(row), account, deadline=deadline)
        connection = self._gateway_connection(account, row.channel)
        if connection is None:
            raise DeliveryRefused("no gateway")
        return connection.deliver(row, deadline=deadline)

    def _gateway_connection(self, account: Account, channel: str) -> GatewayConnection | None:
        gateway = gateways.of(account).get(channel)
        if gateway is None:
            return None
        return self._gateways.setdefault(gateway.pk, GatewayConnection(gateway, account))
