"""Translated names of the calendar rows that come with InFlow. An account's own names are not translated."""

import re

from django.utils.translation import gettext, gettext_noop

from invoices.models import CalendarRule

_ = gettext_noop
NAMES = (
    _("Accession Day"),
    _("Arafat and Eid al-Adha"),
    _("Ashura"),
    _("Eid al-Adha"),
    _("Eid al-Fitr"),
    _("Founding Day"),
    _("Friday until noon"),
    _("Islamic New Year"),
    _("Isra and Miraj"),
    _("Isra and Miraj, the second of"),
    _("Labour Day"),
    _("Mawlid"),
    _("National Day"),
    _("National and Liberation Day"),
    _("New Year"),
    _("Ramadan"),
    _("Sport Day"),
    _("Weekend"),
)


def display_name(rule: CalendarRule) -> str:
    """Return the rule's name in the active language. A year at its end, as in "Eid al-Fitr 2026", is kept."""
    name, year = re.fullmatch(r"(.*?)( \d{4})?", rule.name, re.DOTALL).groups(default="")  # type: ignore[union-attr]
    return f"{gettext(name)}{year}" if name in NAMES else rule.name
