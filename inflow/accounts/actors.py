"""Authors of changes, and the channels through which they make them."""

from dataclasses import dataclass
from enum import StrEnum


class Channel(StrEnum):
    API = "api"
    DASHBOARD = "dashboard"
    IMPORT = "import"
    CLOCK = "clock"
    DEBTOR_PAGE = "debtor_page"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is an email, a key's name, `clock` or `debtor`. `is_staff` opens the transitions that only people make."""

    name: str
    channel: Channel

    @property
    def is_staff(self) -> bool:
        return self.channel in (Channel.DASHBOARD, Channel.IMPORT)


CLOCK = Actor("clock", Channel.CLOCK)
DEBTOR = Actor("debtor", Channel.DEBTOR_PAGE)
