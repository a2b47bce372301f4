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

    @property
    def is_tight(self) -> bool:
        return self.limit is not None and self.used * 100 >= self.limit * _TIGHT


def context(account: Account | None) -> dict[str, Any]:
    """Return the use in each period of the plan. There are no meters while the cache is unavailable."""
    if account is None:
        return {}
    names = {"minute": _("This minute"), "day": _("Today")}
    meters = [Meter(names[each.name], each.used, each.limit or None) for each in throttling.used(account)]
    return {"plan": account.get_plan_display(), "meters": meters}
