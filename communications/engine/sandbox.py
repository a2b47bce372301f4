"""A sandbox in which the engine runs on copies of an account's rows.

For one transaction, temporary tables shadow the tables that the engine writes to. They have the same names and contain
copies of the account's rows. The transaction is read-only for all other tables and is always rolled back: nothing real
is changed, locked or announced. On exit the temporary tables are dropped. Other tables are read as they are.
"""

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet, Value

from communications.engine.errors import DeadlineExceeded, ForecastBusy
from communications.models import PENDING, CallTask, CollectionSettings, Communication, Copy, MonthlyStatement
from communications.schedule import ladder, limits
from inflow.accounts.models import Account
from invoices.models import OPEN, Debtor, Escalation, Invoice, Promise, PromiseStatus, TimelineEntry

STATEMENT_TIMEOUT_S = 5
# The first half of the advisory lock's key. The clock's locks use a single 64-bit key.
_LOCK = 1
_APPS_WITH_COPIES = ("accounts", "api", "restores", "invoices", "communications", "dashboard")


@contextmanager
def sandbox(account: Account, statement_seconds: int = STATEMENT_TIMEOUT_S) -> Iterator[Account]:
    """Yield a copy of the account with its own clock, set to now. Within the context all its rows are copies.

    Raise `ForecastBusy` if the account has a sandbox already, so that one account cannot occupy all workers.
    """
    is_outermost = not connection.in_atomic_block  # else a savepoint, in a transaction that has begun
    with transaction.atomic():
        with connection.cursor() as cursor:
            if is_outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SET LOCAL statement_timeout = '{statement_seconds}s'")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, account.pk.int % 2**31])
            if not cursor.fetchone()[0]:
                raise ForecastBusy
            now = account.now()
            copies = _copies(account)
            for model in [*copies, *_models_above()]:
                _shadow(cursor, model, copies.get(model))
            for model in [*copies, *_models_above()]:
                table = model._meta.db_table
                cursor.execute(f"ALTER TABLE pg_temp.{_quoted(f'stage_{table}')} RENAME TO {_quoted(table)}")
            cursor.execute("SET LOCAL transaction_read_only = on")  # temporary tables remain writable
        Account.objects.filter(pk=account.pk).update(clock=now)
        yield Account.objects.get(pk=account.pk)
        transaction.set_rollback(True)


def _copies(account: Account) -> "dict[type[Model], QuerySet[Model] | None]":
    """Return the models that the engine writes to, with the rows to copy, or None for no rows.

    The rows are those of debtors with open invoices or planned messages.
    """
    open_invoices = Invoice.objects.for_account(account).filter(status__in=OPEN)
    planned = Communication.objects.for_account(account).filter(status__in=PENDING)
    # A debtor with a planned thank-you may have no open invoices.
    concerned = Q(pk__in=open_invoices.values("debtor_id")) | Q(pk__in=planned.values("debtor_id"))
    debtors = Debtor.objects.filter(concerned)
    invoices = Invoice.objects.for_account(account).filter(debtor__in=debtors)
    counted_from = account.now() - limits.reach(ladder.rules_of(account))
    messages = Communication.objects.for_account(account).filter(
        Q(invoice__in=open_invoices) | Q(status__in=PENDING) | Q(sent_at__gt=counted_from)
    )
    return {
        Account: Account.objects.filter(pk=account.pk),
        Debtor: debtors,
        Invoice: invoices,
        Communication: messages,
        CollectionSettings: CollectionSettings.objects.filter(account=account),
        CallTask: CallTask.objects.filter(invoice__in=open_invoices),
        MonthlyStatement: MonthlyStatement.objects.filter(
            debtor__in=debtors, month__gt=account.today() - dt.timedelta(days=62)
        ),
        Copy: None,
        Escalation: Escalation.objects.filter(invoice__in=open_invoices),
        Promise: Promise.objects.filter(invoice__in=open_invoices, status=PromiseStatus.OPEN),
        TimelineEntry: None,
    }


def _models_above() -> list[type[Model]]:
    """Return the models that the layers above write to when they receive a signal."""
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
    if model is Communication:  # the texts of sent messages are not needed
        words = {"subject", "body", "html"}
        rows = rows.annotate(nothing=Value("")).order_by()
        names = ["nothing" if name in words else name for name in names]
    sql, parameters = rows.order_by().values_list(*names).query.sql_with_params()
    into = ", ".join(_quoted(column) for column in columns)
    execute(f"INSERT INTO {_quoted(f'stage_{table}')} ({into}) {sql}", parameters)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


class Deadline:
    """A time limit. `check` raises `DeadlineExceeded` when it is over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self._ends:
            raise DeadlineExceeded
