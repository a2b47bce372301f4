"""Failures of delivery. After any other exception the message may have been sent."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """The cause of a refusal. It determines the consequences: see `communications/delivery/retries.py`."""

    ADDRESS = "address"  # does not exist or is disabled: the address is marked invalid
    MAILBOX = "mailbox"  # full, or refuses this message: counts as an attempt
    OURS = "ours"  # relay, login, policy, quota, reputation: the message is postponed
    OPTED_OUT = "opted_out"  # the recipient unsubscribed at the provider


class Refused(Exception):
    """The provider did not accept the message."""

    def __init__(self, message: str, kind: Refusal = Refusal.OURS) -> None:
        super().__init__(message)
        self.kind = kind


class Unavailable(Refused):
    """The server cannot be reached or refused the connection."""


class Expired(Refused):
    """The message passed the gate too long ago to be delivered."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The reason why a channel cannot be used, a key of `holding.REASONS`, and the time until it is tried again."""

    reason: str
    wait: dt.timedelta


class DeliveryUnknown(Exception):
    """The provider may or may not have accepted the message."""
