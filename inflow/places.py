"""Countries and their regions."""

import functools
import importlib.resources
import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
# Regions of ISO 3166-2, where calendars differ by region or where most accounts are. Those of other countries are
# checked by their form alone.
_SUBDIVISIONS = {
    country: frozenset(f"{country}-{part}" for part in parts.split())
    for country, parts in {
        "AE": "AJ AZ DU FU RK SH UQ",
        "BH": "13 14 15 17",
        "KW": "AH FA HA JA KU MU",
        "OM": "BJ BS BU DA MA MU SJ SS WU ZA ZU",
        "QA": "DA KH MS RA SH US WA ZA",
        "SA": "01 02 03 04 05 06 07 08 09 10 11 12 14",
    }.items()
}


@functools.cache
def countries() -> frozenset[str]:
    """Return the codes of ISO 3166 from the time zone database, and Kosovo's, which ISO leaves to its users."""
    table = importlib.resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    rows = (line.partition("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return frozenset(code for code, _tab, _name in rows) | {"XK"}


def known_country(code: str) -> None:
    """Raise `ValidationError` unless it is the code of a country."""
    if code not in countries():
        message = _("A two-letter ISO 3166 country code is needed, such as AE.")
        raise ValidationError(message, code="unknown_country")


def known_subdivision(code: str) -> None:
    """Raise `ValidationError` unless it is the code of a region."""
    country = code[:2]
    if (
        not _SUBDIVISION.fullmatch(code)
        or country not in countries()
        or code not in _SUBDIVISIONS.get(country, frozenset((code,)))
    ):
        message = _("%(code)s is not an ISO 3166-2 code, such as AE-SH.")
        raise ValidationError(message % {"code": code}, code="unknown_subdivision")
