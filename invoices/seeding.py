"""Calendar rows that come with InFlow, inserted from `calendars.csv` after each migration.

Existing rows are not changed, because staff may have edited them.
"""

import csv
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.apps import apps as django_apps

SHIPPED = Path(__file__).with_name("calendars.csv")


def shipped() -> list[dict[str, Any]]:
    """Return the fields of each row."""
    with SHIPPED.open(newline="", encoding="utf-8") as file:
        return [_fields(row) for row in csv.DictReader(file)]


def seed(using: str, apps: Any = django_apps, **_: Any) -> None:
    """Receive `post_migrate`. `apps` is the migrated state, which may not have the table yet."""
    try:
        model = apps.get_model("invoices", "CalendarRule")
    except LookupError:
        return
    model.objects.using(using).bulk_create([model(**fields) for fields in shipped()], ignore_conflicts=True)


def _fields(row: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: row[name] for name in ("country", "subdivision", "kind", "name", "source")}
    for name in ("starts_on", "ends_on"):
        fields[name] = dt.date.fromisoformat(row[name]) if row[name] else None
    for name in ("opens_at", "closes_at"):
        fields[name] = dt.time.fromisoformat(row[name]) if row[name] else None
    fields["weekdays"] = [int(day) for day in row["weekdays"].split()]
    fields |= {"is_yearly": row["is_yearly"] == "yes", "is_on": row["is_on"] != "no"}
    return fields | {"is_expected": row["is_expected"] == "yes"}
