"""A database of 0.2 is upgraded by `migrate` and nothing else. The dump was written by `tests.upgrades.dump`."""

import gzip
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from inflow.accounts.models import Account, AuditEntry, Invitation, User
from inflow.restores.checks import FIRST
from inflow.restores.models import Installation
from invoices import ledger, lifecycle
from invoices.models import Invoice, Payment, Promise
from tests import make
from tests.api.client import caller
from tests.restores import databases
from tests.restores.databases import Database
from webhooks.models import Attempt, Delivery, Event

pytestmark = pytest.mark.django_db(transaction=True)
# Tables by their names in 0.2.
RENAMED = {"communications_contact": "communications_address"}
DUMP = Path(__file__).parent / "database_of_0_2.sql.gz"


@pytest.fixture
def old(transactional_db: None) -> Iterator[Database]:
    """A database of 0.2 with rows, in use."""
    database = databases.of_tests().create(f"of_0_2_{uuid.uuid4().hex}")
    try:
        database.run(gzip.decompress(DUMP.read_bytes()).decode())
        with database.used():
            yield database
    finally:
        database.drop()


def test_a_database_of_0_2_is_upgraded_and_serves(old: Database) -> None:
    before = _counts()
    assert before["invoices_invoice"] > 10
    # With its checks, as from the command line.
    call_command("migrate", verbosity=0, interactive=False, skip_checks=False)
    call_command("migrate", check_unapplied=True, verbosity=0)
    after = _counts()
    assert {name: after[RENAMED.get(name, name)] for name in before} == before
    assert {"new", "overdue", "on_hold", "disputed", "written_off", "paid", "cancelled"} == set(
        Invoice.objects.values_list("status", flat=True)
    )
    account = Account.objects.get(name="Falcon Trading LLC")
    assert Account.objects.get(language="ar").name == "شركة المها للتجارة"
    assert User.objects.get(email="admin@falcon.example").check_password(make.PASSWORD)
    assert Invitation.objects.get().email == "new@falcon.example"
    assert AuditEntry.objects.filter(action="login").exists()
    assert Payment.objects.get(reference="FT-1").amount == 400.5
    assert Promise.objects.get().status == "open"
    assert (Installation.objects.count(), Attempt.objects.get().status) == (1, 500)
    assert lifecycle.count_underived() == ledger.count_unbalanced() == 0

    body = {
        "invoice_number": "NEW-1",
        "debtor_name": "Sara Haddad",
        "debtor_email": "sara@example.com",
        "amount": 1200,
        "currency": "AED",
        "due_date": account.today().isoformat(),
    }
    response = caller(account).post("invoices", body)
    assert response.status == 201
    made = Invoice.objects.for_account(account).get(invoice_number="NEW-1")
    event = Event.objects.for_account(account).filter(type="invoice.created").latest("seq")
    assert str(made.pk) in event.body
    assert Delivery.objects.filter(event=event).count() == 1


@pytest.mark.parametrize("app", FIRST)
def test_a_database_of_a_version_before_0_2_is_refused_in_plain_words(old: Database, app: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, FIRST[app]])
    before = _counts()
    with pytest.raises(CommandError) as refused:
        call_command("migrate", verbosity=0, interactive=False, skip_checks=False)
    assert f"made by a version before 0.2.0 ({app})" in str(refused.value)
    assert "Run `migrate` of InFlow 0.2.0 first" in str(refused.value)
    assert _counts() == before


@pytest.mark.parametrize(
    "target", [("communications", "0003"), ("communications", "0007"), ("invoices", "0031"), ("invoices", "0037")]
)
def test_an_upgrade_that_was_interrupted_continues(old: Database, target: tuple[str, str]) -> None:
    call_command("migrate", *target, verbosity=0)
    call_command("migrate", verbosity=0, skip_checks=False)
    call_command("migrate", check_unapplied=True, verbosity=0)
    assert make.invoice(make.account()).pk


def test_an_upgraded_database_has_the_tables_of_a_new_one(old: Database) -> None:
    call_command("migrate", verbosity=0)
    upgraded = _schema()
    with databases.of_tests().used():
        assert _schema() == upgraded


@pytest.mark.nightly
@pytest.mark.parametrize(
    "target",
    [
        ("communications", "0001"),
        ("invoices", "0001_squashed_0037_open_items_by_schedule"),
        ("webhooks", "0001"),
    ],
)
def test_a_first_migration_that_was_interrupted_between_two_files_continues(
    transactional_db: None, target: tuple[str, str]
) -> None:
    database = databases.of_tests().create(f"interrupted_{uuid.uuid4().hex}")
    try:
        with database.used():
            call_command("migrate", *target, verbosity=0)
            call_command("migrate", verbosity=0, skip_checks=False)
            call_command("migrate", check_unapplied=True, verbosity=0)
            assert make.invoice(make.account()).pk
    finally:
        database.drop()


# Names that PostgreSQL and Django choose are left out: those of a renamed table tell of its old name.
_COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, numeric_precision
FROM information_schema.columns WHERE table_schema = 'public'
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
"""
_INDEXES = """
SELECT tablename, regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') FROM pg_indexes WHERE schemaname = 'public'
"""
_TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
_VIEWS = "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'"
_STATISTICS = "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext"


def _schema() -> dict[str, set[tuple[object, ...]]]:
    """Return columns, constraints, indexes, triggers, views and statistics."""
    found = {}
    with connection.cursor() as cursor:
        for query in (_COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _VIEWS, _STATISTICS):
            cursor.execute(query)
            found[query] = set(cursor.fetchall())
    return found


def _counts() -> dict[str, int]:
    """Count the rows of each table but those that `migrate` itself fills."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        ours = [name for name in tables if name.split("_")[0] not in ("django", "auth")]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in ours))
        return dict(cursor.fetchall())
