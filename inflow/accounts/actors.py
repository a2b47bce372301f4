"""Authors of changes and the channels that they use."""

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
    """The author of a change. `name` is an email address, the name of an API key, `clock` or `debtor`.

    Some transitions are permitted only if `is_staff` is True, and long holds only if `is_manager` is True.
    """

    name: str
    channel: Channel
    is_manager: bool = False

    @property
    def is_staff(self) -> bool:
        return self.channel in (Channel.DASHBOARD, Channel.IMPORT)


CLOCK = Actor("clock", Channel.CLOCK)
DEBTOR = Actor("debtor", Channel.DEBTOR_PAGE)
