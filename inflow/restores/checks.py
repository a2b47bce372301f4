"""A check of the database that `migrate` makes before it begins."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

# The last migration of each app in 0.1. Where all of them are applied, Django takes the squashed ones as applied. Where
# only some are, it could neither use the squashed ones nor continue with the earlier ones, which are gone.
LAST = {
    "accounts": "0010_session_keys_are_hashed",
    "communications": "0021_plainer_labels",
    "dashboard": "0002_parts_of_workbooks",
    "invoices": "0023_plainer_labels",
    "restores": "0002_marks_of_the_clock",
    "webhooks": "0007_secrets_of_the_last_day",
}
_UNFINISHED = """
SELECT app FROM django_migrations WHERE app = ANY(%s)
GROUP BY app HAVING NOT bool_or(name = ANY(%s) OR name LIKE '%%\\_squashed\\_%%') ORDER BY app
"""


@register(Tags.database)
def database_has_all_of_0_1(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Return an error if the database stopped before the end of 0.1: this version has the migrations no longer."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT to_regclass('django_migrations')")
            if cursor.fetchone() == (None,):
                continue
            cursor.execute(_UNFINISHED, [list(LAST), list(LAST.values())])
            if apps := ", ".join(app for (app,) in cursor.fetchall()):
                found.append(
                    Error(
                        f"This database stopped half-way through the migrations of 0.1 ({apps}).",
                        hint="Run `migrate` of InFlow 0.1.0 first, then that of this version (see UPGRADING.md).",
                        id="inflow.E001",
                    )
                )
    return found
