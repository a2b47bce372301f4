"""Exceptions of delivery. After any exception but `DeliveryRefused` the message may have been sent."""

import datetime as dt

from communications.channels.outcomes import Refusal


class DeliveryRefused(Exception):
    """The provider did not accept the message."""

    def __init__(self, message: str, kind: Refusal = Refusal.OURS) -> None:
        super().__init__(message)
        self.kind = kind


class TransportUnavailable(DeliveryRefused):
    """The server cannot be reached or refused the connection."""


class GateExpired(DeliveryRefused):
    """The message passed the gate too long ago to be delivered."""


class DeliveryUnknown(Exception):
    """The provider may or may not have accepted the message."""


class RequestNotSent(Exception):
    """The connection to a gateway failed: the server received nothing."""


class RequestInterrupted(Exception):
    """The gateway may have received the request, but did not respond."""


class SenderPaused(Exception):
    """The mail server or gateway is paused. `wait` is the time until it may be tried again."""

    def __init__(self, wait: dt.timedelta) -> None:
        super().__init__(wait)
        self.wait = wait
