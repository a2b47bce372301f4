"""The identity of the server and the database that this process is connected to."""

from collections.abc import Mapping

from django.db import NotSupportedError, ProgrammingError, connection, transaction

# Each may be refused by a managed PostgreSQL; the identity then consists of the others.
#   system    is chosen by initdb: the same for a primary and its standbys, and after a restore of a base backup.
#   timeline  rises when a standby is promoted and when a base backup is restored to a moment.
#   database  is new when the database was created anew.
#   table     is new when a dump was restored, also into an existing database.
_QUESTIONS = {
    "system": "SELECT system_identifier FROM pg_control_system()",
    "timeline": "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
    "database": "SELECT oid FROM pg_database WHERE datname = current_database()",
    "table": "SELECT 'restores_installation'::regclass::oid",
}


def of_database() -> dict[str, str]:
    """Return what can be read of the identity. No superuser is needed: PostgreSQL lets every role read all of it."""
    found = {name: _ask(sql) for name, sql in _QUESTIONS.items()}
    return {name: value for name, value in found.items() if value is not None}


def differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Compare the parts that both have: a right that was granted or taken away since then is no change."""
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def _ask(sql: str) -> str | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            return str(cursor.fetchone()[0])
    except (ProgrammingError, NotSupportedError):
        return None
