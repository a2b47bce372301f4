"""A stage for the real clock: an account's rows as copies, which are gone when the curtain falls.

The tables that the engine writes to are covered, for one transaction of one connection, by temporary tables of the same
names with copies of the account's rows. The database then refuses to write to, or to lock, anything else, and the
transaction is always rolled back: nothing real moves, waits or is told. What is not covered is read as it is.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet, Value

from communications.models import PENDING, Communication
from communications.schedule import ladder, limits
from inflow.accounts.models import Account
from invoices.models import OPEN, Debtor, Escalation, Invoice, Promise, PromiseStatus, TimelineEntry

STATEMENT_TIMEOUT_S = 5
# The first half of the advisory lock's key; the clock's own locks have no halves.
_LOCK = 1
_APPS_WITH_COPIES = ("accounts", "api", "restores", "invoices", "communications", "dashboard")


@contextmanager
def sandbox(account: Account, statement_seconds: int = STATEMENT_TIMEOUT_S) -> Iterator[Account]:
    """Within it, the account's rows are copies, and the account yielded stands on a clock of its own: now.

    One at a time for an account, which would else keep every worker busy with looking ahead: raises `Busy`."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if len(connection.atomic_blocks) == 1:  # else a savepoint, in a transaction that has begun
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SET LOCAL statement_timeout = '{statement_seconds}s'")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, account.pk.int % 2**31])
            if not cursor.fetchone()[0]:
                raise Busy
            now = account.now()
            copies = _copies(account)
            for model in [*copies, *_models_above()]:
                _shadow(cursor, model, copies.get(model))
            for model in [*copies, *_models_above()]:
                table = model._meta.db_table
                cursor.execute(f"ALTER TABLE pg_temp.{_quoted(f'stage_{table}')} RENAME TO {_quoted(table)}")
            cursor.execute("SET LOCAL transaction_read_only = on")  # the temporary tables excepted
        Account.objects.filter(pk=account.pk).update(clock=now)
        yield Account.objects.get(pk=account.pk)
        transaction.set_rollback(True)


def _copies(account: Account) -> "dict[type[Model], QuerySet[Model] | None]":
    """The models that the engine writes to, and which of their rows matter: those of debtors who owe or who are to be
    written to. None: no rows."""
    owed = Invoice.objects.for_account(account).filter(status__in=OPEN)
    planned = Communication.objects.for_account(account).filter(status__in=PENDING)
    # A planned thank-you is about an invoice of a debtor who may owe nothing any more.
    concerned = Q(pk__in=owed.values("debtor_id")) | Q(pk__in=planned.values("debtor_id"))
    debtors = Debtor.objects.filter(concerned)
    theirs = Invoice.objects.for_account(account).filter(debtor__in=debtors)
    counted_from = account.now() - limits.reach(ladder.rules_of(account))
    messages = Communication.objects.for_account(account).filter(
        Q(invoice__in=owed) | Q(status__in=PENDING) | Q(sent_at__gt=counted_from)
    )
    return {
        Account: Account.objects.filter(pk=account.pk),
        Debtor: debtors,
        Invoice: theirs,
        Communication: messages,
        Escalation: Escalation.objects.filter(invoice__in=owed),
        Promise: Promise.objects.filter(invoice__in=owed, status=PromiseStatus.OPEN),
        TimelineEntry: None,
    }


def _models_above() -> list[type[Model]]:
    """What the rooms above write down when they hear of a change."""
    return [model for model in apps.get_models() if _is_above(model)]


def _is_above(model: type[Model]) -> bool:
    is_ours = model.__module__.split(".")[0] in ("inflow", "webhooks")
    return is_ours and model._meta.app_label not in _APPS_WITH_COPIES and model._meta.managed


def _shadow(cursor: "object", model: type[Model], rows: "QuerySet[Model] | None") -> None:
    table = model._meta.db_table
    execute = cursor.execute  # type: ignore[attr-defined]
    execute(
        f"CREATE TEMP TABLE {_quoted(f'stage_{table}')} "
        f"(LIKE {_quoted(table)} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING INDEXES) ON COMMIT DROP"
    )
    if rows is None:
        return
    columns = [field.column or "" for field in model._meta.concrete_fields]
    names = [field.attname for field in model._meta.concrete_fields]
    if model is Communication:  # the words of what was sent are not read again
        words = {"subject", "body", "html"}
        rows = rows.annotate(nothing=Value("")).order_by()
        names = ["nothing" if name in words else name for name in names]
    sql, parameters = rows.order_by().values_list(*names).query.sql_with_params()
    into = ", ".join(_quoted(column) for column in columns)
    execute(f"INSERT INTO {_quoted(f'stage_{table}')} ({into}) {sql}", parameters)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


class Deadline:
    """Raises `TooMuch` when it is asked after its time."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self._ends:
            raise DeadlineExceeded


class Busy(Exception):
    """Somebody is looking ahead for this account at the moment."""


class DeadlineExceeded(Exception):
    """There is more to foresee than its time allows."""
