"""Results of handing a message over, other than success. Any other exception means that the message may have left."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """The cause of a refusal, which decides the consequences: see `communications/delivery/status_updates.py`."""

    ADDRESS = "address"  # it does not exist or is disabled: marked invalid
    MAILBOX = "mailbox"  # full, or it will not take this message: an attempt
    OURS = "ours"  # relay, login, policy, quota, reputation: the message waits
    OPTED_OUT = "opted_out"  # the recipient told the provider to stop


class Refused(Exception):
    """The provider definitely did not take the message."""

    def __init__(self, message: str, kind: Refusal = Refusal.OURS) -> None:
        super().__init__(message)
        self.kind = kind


class Unavailable(Refused):
    """The server cannot be reached or does not let us in; no message was begun."""


class Expired(Refused):
    """The message passed its gate too long ago to be handed over."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The reason why nothing can be sent on a channel now, a code of `holding.REASONS`, and how long to wait."""

    reason: str
    wait: dt.timedelta


class DeliveryUnknown(Exception):
    """The provider may have taken the message, or may not."""
