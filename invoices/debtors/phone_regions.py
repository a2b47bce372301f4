"""Countries and time zones of phone numbers."""

import functools
import importlib.resources
import zoneinfo
from collections.abc import Mapping

import phonenumbers
from phonenumbers import timezone

_KNOWN = zoneinfo.available_timezones()  # read once, because it walks the file system


@functools.lru_cache(maxsize=5_000)
def parsed(phone: str, country: str = "ZZ") -> phonenumbers.PhoneNumber:
    """Return the number. Without a country code, it is one of `country`. Raise `NumberParseException`."""
    return phonenumbers.parse(phone, country)


@functools.lru_cache(maxsize=5_000)
def of_number(phone: str) -> tuple[str, ...]:
    """Return the time zones of a number in E.164 by its first digits. The result may be empty."""
    return tuple(zone for zone in timezone.time_zones_for_number(parsed(phone)) if zone in _KNOWN)


@functools.lru_cache(maxsize=5_000)
def of_country(phone: str) -> tuple[str, ...]:
    """Return the time zones of the number's country."""
    return _zones_by_country().get(country(phone), ())


@functools.lru_cache(maxsize=5_000)
def country(phone: str) -> str:
    """Return the ISO 3166 code of a number's country, or "" if it has none. The number need not be in use."""
    number = parsed(phone)
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region and region.isalpha() and region != "ZZ" else ""


@functools.cache
def _zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """Return the time zones by country, from the time zone database's `zone.tab`."""
    found: dict[str, tuple[str, ...]] = {}
    table = importlib.resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            if zone in _KNOWN:
                found[country] = (*found.get(country, ()), zone)
    return found
