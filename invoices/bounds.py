"""Bounds of the days on which holds and promises end, and by which disputes are answered."""

import datetime as dt

from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import field_label
from invoices.errors import Refused

LONGEST = dt.timedelta(days=180)


def check_end(account: Account, actor: Actor, field: str, day: dt.date) -> None:
    """Raise `Refused` if the day is in the past, or further ahead than the actor may pause reminders."""
    today = account.today()
    if day < today:
        raise Refused(field, "in_the_past", _("%(field)s must not be in the past.") % {"field": field_label(field)})
    last = today + LONGEST
    if day > last and not actor.is_manager:
        message = _(
            "%(field)s must be %(last)s or earlier, at most %(days)s days ahead. A manager can set a later day in the "
            "dashboard."
        )
        values = {"field": field_label(field), "last": last.isoformat(), "days": LONGEST.days}
        raise Refused(field, "too_far_ahead", message % values)
