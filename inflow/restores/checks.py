"""A check of the database that `migrate` makes before it begins."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

# The first migration of each app in 0.2.0. The migrations that it replaced are gone, so a database without it cannot be
# upgraded by this version.
FIRST = {
    "accounts": "0001_squashed_0010_session_keys_are_hashed",
    "communications": "0001_squashed_0021_policies",
    "dashboard": "0001_squashed_0002_parts_of_workbooks",
    "invoices": "0001_squashed_0023_plainer_labels",
    "restores": "0001_squashed_0002_marks_of_the_clock",
    "webhooks": "0001_squashed_0007_secrets_of_the_last_day",
}
_EARLIER = """
SELECT app FROM django_migrations WHERE app = ANY(%s)
GROUP BY app HAVING NOT bool_or(name = ANY(%s)) ORDER BY app
"""


@register(Tags.database)
def database_is_of_0_2_or_later(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Return an error if the database is of a version before 0.2.0."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT to_regclass('django_migrations')")
            if cursor.fetchone() == (None,):
                continue
            cursor.execute(_EARLIER, [list(FIRST), list(FIRST.values())])
            if apps := ", ".join(app for (app,) in cursor.fetchall()):
                found.append(
                    Error(
                        f"This database was made by a version before 0.2.0 ({apps}).",
                        hint="Run `migrate` of InFlow 0.2.0 first, then that of this version (see UPGRADING.md).",
                        id="inflow.E001",
                    )
                )
    return found
