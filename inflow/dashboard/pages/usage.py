"""Use of the API against the limits of the account's plan."""

from typing import Any

from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.api import throttling

# The percentage of a limit from which it is shown as nearly used up.
_TIGHT = 80


def context(account: Account | None) -> dict[str, Any]:
    """Return the use in each period of the plan. There are no meters while the cache is unavailable."""
    if account is None:
        return {}
    names = {"minute": _("This minute"), "day": _("Today")}
    meters = [
        {
            **{"label": names[each.name], "used": each.used, "limit": each.limit or None},
            "is_tight": bool(each.limit) and each.used * 100 >= each.limit * _TIGHT,
        }
        for each in throttling.used(account)
    ]
    return {"plan": account.get_plan_display(), "meters": meters}
