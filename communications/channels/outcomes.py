"""Classes of refusals, and outages of a channel."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """The cause of a refusal. It determines the consequences: see `communications/delivery/retries.py`."""

    ADDRESS = "address"  # does not exist or is disabled: the address is marked invalid
    MAILBOX = "mailbox"  # full, or refuses this message: counts as an attempt
    OURS = "ours"  # relay, login, policy, quota, reputation: the message is postponed
    OPTED_OUT = "opted_out"  # the recipient unsubscribed at the provider


@dataclass(frozen=True, slots=True)
class Outage:
    """The reason why a channel cannot be used, a key of `holding.REASONS`, and the time until it is tried again."""

    reason: str
    wait: dt.timedelta
