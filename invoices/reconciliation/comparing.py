"""Comparing an account's invoices with the list of open items in its books."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Least
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import select
from invoices import signals
from invoices.errors import Refused
from invoices.models import OPEN, Invoice, InvoiceQuerySet
from invoices.models.open_items import DifferenceKind, DifferenceStatus, OpenItemsList

# The lists that are stored for each account. Older ones are deleted when a new one arrives.
LISTS_KEPT = 20
_CHUNK = 5_000


class Item(NamedTuple):
    """An open invoice of the books. `due_date` and `amount` are None if the list has none."""

    invoice_number: str
    currency: str
    balance: Decimal
    due_date: dt.date | None = None
    amount: Decimal | None = None


class Found(NamedTuple):
    """A difference, in the order of its columns in `_STORE`."""

    kind: DifferenceKind
    invoice_number: str
    currency: str
    invoice_id: uuid.UUID | None = None
    balance_here: Decimal | None = None
    balance_there: Decimal | None = None
    amount_there: Decimal | None = None
    due_date_here: dt.date | None = None
    due_date_there: dt.date | None = None
    changed_since: bool = False


class _Row(NamedTuple):
    """The compared values of an invoice here.

    `registered_at` is in the account's time. `updated_at` is the system's, and None if the account has its own clock.
    """

    pk: uuid.UUID
    invoice_number: str
    currency: str
    balance: Decimal
    covered: Decimal
    due_date: dt.date
    registered_at: dt.datetime
    updated_at: dt.datetime | None
    is_open: bool


def compare(
    account: Account, items: Sequence[Item], *, as_of: dt.datetime | None = None, complete: Collection[str] = ()
) -> list[Found]:
    """Return the differences in the order of the list.

    Invoices registered after `as_of` are not compared. The invoices that are open here but not in the list come last,
    in order of their due dates, for the currencies in `complete`, and only if `as_of` is known.
    """
    here = _open(account)
    here |= _others(account, {item.invoice_number for item in items} - here.keys())
    found = [difference for item in items for difference in _differences(item, here.get(item.invoice_number), as_of)]
    if as_of:
        listed = {item.invoice_number for item in items}
        closed = (
            row
            for row in here.values()
            if row.is_open
            and row.currency in complete
            and row.registered_at <= as_of
            and row.invoice_number not in listed
        )
        found += (
            _difference(DifferenceKind.CLOSED_THERE, row, as_of, balance_there=Decimal(0))
            for row in sorted(closed, key=lambda row: (row.due_date, row.invoice_number))
        )
    return found


def record(
    account: Account,
    items: Sequence[Item],
    actor: Actor,
    *,
    source: str,
    as_of: dt.datetime | None = None,
    complete: Collection[str] = (),
    file_name: str = "",
) -> tuple[OpenItemsList, list[Found]]:
    """Compare the list and store it with its differences. No invoice is changed.

    A list that has all open invoices of the account's currencies confirms that its payments are recorded.
    """
    with transaction.atomic():
        stored = OpenItemsList.objects.create(
            account=account,
            source=source,
            file_name=file_name[:200],
            as_of=as_of,
            complete=sorted(set(complete)),
            items=len(items),
            actor=actor.name,
        )
        found = compare(account, items, as_of=as_of, complete=complete)
        _store(stored, found)
        lists = OpenItemsList.objects.for_account(account)
        lists.filter(pk__in=list(lists.values_list("pk", flat=True)[LISTS_KEPT:])).delete()
        if as_of and _confirms(account, items, complete):
            signals.payments_synced.send(Account, account=account, actor=actor)
    return stored, found


def used_currencies(account: Account) -> set[str]:
    """Return the currencies of the account's open invoices."""
    return set(_open_invoices(account).order_by().values_list("currency", flat=True).distinct())


def listed_currencies(account: Account, items: Sequence[Item]) -> set[str]:
    """Return the currencies in which a list with all open invoices is complete: those of its items.

    A list without a currency may be an export of the others, so it closes no invoices in it.
    """
    return used_currencies(account).intersection(item.currency for item in items)


def check_not_empty(account: Account, items: Sequence[Item]) -> None:
    """Raise `Refused` if a file has no open items although there are open invoices here: its export has failed."""
    if not items and _open_invoices(account).exists():
        raise Refused("file", "empty", _("The list has no open invoices. If all are paid, record their payments here."))


def _confirms(account: Account, items: Sequence[Item], complete: Collection[str]) -> bool:
    """Return True if the list has all open invoices, in every currency of those here.

    One that has none of the invoices that are open here proves nothing: its export failed, or is another company's.
    """
    used = used_currencies(account)
    if not used or not used <= set(complete):
        return bool(complete) and not used
    numbers = [item.invoice_number for item in items]
    parts = (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))
    return any(_open_invoices(account).filter(invoice_number__in=part).exists() for part in parts)


def _differences(item: Item, row: _Row | None, as_of: dt.datetime | None) -> Iterator[Found]:
    if row is None:
        yield Found(
            DifferenceKind.MISSING_HERE,
            item.invoice_number,
            item.currency,
            balance_there=item.balance,
            due_date_there=item.due_date,
        )
        return
    if as_of and row.registered_at > as_of:
        return
    if row.currency != item.currency:
        yield _difference(DifferenceKind.OTHER_CURRENCY, row, as_of, item.balance, item.due_date, item.currency)
        return
    if row.balance != item.balance:
        is_explained = row.is_open and item.amount is not None and item.amount - row.covered == item.balance
        difference = _difference(DifferenceKind.OTHER_BALANCE, row, as_of, item.balance)
        yield difference._replace(amount_there=item.amount) if is_explained else difference
    if row.is_open and item.due_date and row.due_date != item.due_date:
        yield _difference(DifferenceKind.OTHER_DUE_DATE, row, as_of, due_date_there=item.due_date)


def _difference(
    kind: DifferenceKind,
    row: _Row,
    as_of: dt.datetime | None,
    balance_there: Decimal | None = None,
    due_date_there: dt.date | None = None,
    currency: str = "",
) -> Found:
    return Found(
        kind,
        row.invoice_number,
        currency or row.currency,
        row.pk,
        balance_here=row.balance if balance_there is not None else None,
        balance_there=balance_there,
        due_date_here=row.due_date if due_date_there else None,
        due_date_there=due_date_there,
        changed_since=bool(as_of and row.updated_at and row.updated_at > as_of),
    )


def _store(stored: OpenItemsList, found: Sequence[Found]) -> None:
    """Insert the differences. There may be 100,000, for which model instances take many times as long."""
    for start in range(0, len(found), _CHUNK):
        columns = map(list, zip(*found[start : start + _CHUNK], strict=True))
        select(_STORE, [stored.account_id, stored.pk, DifferenceStatus.OPEN, *columns])


_STORE = """
INSERT INTO invoices_difference (
  account_id, list_id, status, handled_by, kind, invoice_number, currency, invoice_id, balance_here, balance_there,
  amount_there, due_date_here, due_date_there, changed_since
)
SELECT
  %s, %s, %s, '', kind, invoice_number, currency, invoice_id, balance_here, balance_there, amount_there, due_date_here,
  due_date_there, changed_since
FROM unnest(
  %s::text[], %s::text[], %s::text[], %s::uuid[], %s::numeric[], %s::numeric[], %s::numeric[], %s::date[], %s::date[],
  %s::boolean[]
) WITH ORDINALITY AS found (
  kind, invoice_number, currency, invoice_id, balance_here, balance_there, amount_there, due_date_here, due_date_there,
  changed_since, place
)
ORDER BY place
"""


def _open(account: Account) -> dict[str, _Row]:
    """Return the account's open invoices by number."""
    return _rows(account, _open_invoices(account))


def _open_invoices(account: Account) -> InvoiceQuerySet:
    return Invoice.objects.for_account(account).filter(status__in=OPEN)


def _others(account: Account, numbers: Iterable[str]) -> dict[str, _Row]:
    """Return the invoices with these numbers that are closed. A cancelled one is here only by its number."""
    found: dict[str, _Row] = {}
    rest = sorted(numbers)
    for start in range(0, len(rest), _CHUNK):
        chunk = rest[start : start + _CHUNK]
        found |= _rows(
            account, Invoice.objects.for_account(account).filter(invoice_number__in=chunk, cancelled_at=None)
        )
    return found


def _rows(account: Account, invoices: InvoiceQuerySet) -> dict[str, _Row]:
    columns = ("pk", "invoice_number", "currency", "amount", "amount_paid", "amount_credited", "due_date")
    rows = invoices.order_by().values_list(*columns, Least("created_at", "entered_at"), "updated_at", "status")
    return {
        number: _Row(
            pk,
            number,
            currency,
            balance=amount - paid - credited,
            covered=paid + credited,
            due_date=due,
            registered_at=registered,
            updated_at=None if account.clock else updated,
            is_open=status in OPEN,
        )
        for pk, number, currency, amount, paid, credited, due, registered, updated, status in rows.iterator(_CHUNK)
    }
