"""Use of the API against the limits of the account's plan."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.api import throttling

# The percentage of a limit from which it is shown as nearly used up.
_TIGHT = 80


@dataclass(frozen=True, slots=True)
class Meter:
    """Use of the API in one period of the plan."""

    label: str
    used: int
    limit: int | None
    resets_in: int

    @property
    def is_tight(self) -> bool:
        return self.limit is not None and self.used * 100 >= self.limit * _TIGHT


def meters(account: Account) -> list[Meter]:
    """Return the use in each period of the plan; none while the cache is unavailable."""
    names = {"minute": _("This minute"), "day": _("Today")}
    usage = throttling.used(account)
    return [Meter(names[each.name], each.used, each.limit or None, each.resets_in) for each in usage]


def context(account: Account | None) -> dict[str, Any]:
    return {"plan": account.get_plan_display(), "meters": meters(account)} if account else {}
