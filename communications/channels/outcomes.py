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

    def __init__(self, said: str, kind: Refusal = Refusal.OURS) -> None:
        super().__init__(said)
        self.kind = kind


class Away(Refused):
    """The server cannot be reached or does not let us in; no message was begun."""


class Expired(Refused):
    """The message passed its gate too long ago to be handed over."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The reason why nothing can be sent on a channel now, a code of `gate.WORDS`, and how long to wait."""

    why: str
    wait: dt.timedelta


class Unclear(Exception):
    """The provider may have taken the message, or may not."""
