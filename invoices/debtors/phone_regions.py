"""The time zones in which the owner of a phone number may live."""

import functools
import importlib.resources
import zoneinfo
from collections.abc import Mapping

import phonenumbers
from phonenumbers import timezone

_KNOWN = zoneinfo.available_timezones()  # once: it walks the file system


@functools.lru_cache(maxsize=5_000)
def of_number(phone: str) -> tuple[str, ...]:
    """Return the zones of a number in E.164, by its first digits; none if they are not known."""
    return tuple(zone for zone in timezone.time_zones_for_number(phonenumbers.parse(phone)) if zone in _KNOWN)


@functools.lru_cache(maxsize=5_000)
def of_country(phone: str) -> tuple[str, ...]:
    """Return the zones of the number's own country."""
    return _zones_by_country().get(country(phone), ())


@functools.lru_cache(maxsize=5_000)
def country(phone: str) -> str:
    """Return a number's country (ISO 3166), also of a number that nobody has; "" of one of no country."""
    number = phonenumbers.parse(phone)
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region and region.isalpha() and region != "ZZ" else ""


@functools.cache
def _zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """Read the table of the time zone database: country, coordinates, zone, comment."""
    found: dict[str, tuple[str, ...]] = {}
    table = importlib.resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            if zone in _KNOWN:
                found[country] = (*found.get(country, ()), zone)
    return found
