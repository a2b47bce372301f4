"""Use of the API against the limits of the account's plan."""

from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.api import throttling

# A fuller window is shown as tight.
_TIGHT = 80


@dataclass(frozen=True, slots=True)
class Meter:
    """A window of the plan."""

    label: str
    used: int
    limit: int | None
    resets_in: int

    @property
    def used_shown(self) -> str:
        return number_format(self.used, force_grouping=True)

    @property
    def limit_shown(self) -> str:
        return number_format(self.limit or 0, force_grouping=True)

    @property
    def is_tight(self) -> bool:
        return self.limit is not None and self.used * 100 >= self.limit * _TIGHT


def meters(account: Account) -> list[Meter]:
    """Return the windows of the plan; none while the cache is unavailable."""
    names = {"minute": _("This minute"), "day": _("Today")}
    usage = throttling.used(account)
    return [Meter(names[each.name], each.used, each.limit or None, each.resets_in) for each in usage]


def context(account: Account | None) -> dict[str, Any]:
    return {"plan": account.get_plan_display(), "meters": meters(account)} if account else {}
