"""The identity of the server and the database that this process is connected to."""

from collections.abc import Mapping

from django.db import NotSupportedError, ProgrammingError, connection, transaction

# A managed PostgreSQL may refuse some of these queries. The identity then consists of the others.
#   system    chosen by initdb: the same on a primary and its standbys, and after a base backup is restored
#   timeline  increases when a standby is promoted, and when a base backup is restored to a point in time
#   database  changes when the database is created again
#   table     changes when a dump is restored, even into an existing database
_QUERIES = {
    "system": "SELECT system_identifier FROM pg_control_system()",
    "timeline": "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)",
    "database": "SELECT oid FROM pg_database WHERE datname = current_database()",
    "table": "SELECT 'restores_installation'::regclass::oid",
}


def of_database() -> dict[str, str]:
    """Return the parts of the identity that can be read. By default, PostgreSQL lets every role read all of them."""
    found = {name: _query(sql) for name, sql in _QUERIES.items()}
    return {name: value for name, value in found.items() if value is not None}


def differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return True if a part differs that both have. A permission that was granted or revoked is not a difference."""
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def _query(sql: str) -> str | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
            return str(cursor.fetchone()[0])
    except (ProgrammingError, NotSupportedError):
        return None
