"""Comparing an account's invoices with the list of open items in its books.

A list is as of the moment at which it was made. Often only its day is known: then it may have been made at any moment
between `earliest`, the beginning of that day in the account's time zone, and `as_of`, its end or now. All moments are
in the account's time, also those of a test account with its own clock.

An invoice that was registered, or reopened by a reversal or an undo, after `earliest` is not reported as closed in the
books, because the list may be older. A number is not reported as missing here if its invoice was cancelled after that.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce, Least
from django.utils.translation import gettext as _

from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.sql import select
from invoices import signals
from invoices.errors import Refused
from invoices.models import OPEN, Invoice, InvoiceQuerySet, Status, TimelineEntry
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
    """The compared values of an invoice here."""

    pk: uuid.UUID
    invoice_number: str
    currency: str
    balance: Decimal
    covered: Decimal
    due_date: dt.date
    registered_at: dt.datetime
    is_open: bool


def compare(
    account: Account,
    items: Sequence[Item],
    *,
    as_of: dt.datetime | None = None,
    earliest: dt.datetime | None = None,
    complete: Collection[str] = (),
) -> list[Found]:
    """Return the differences in the order of the list.

    Invoices registered after `as_of` are not compared. The invoices that are open here but not in the list come last,
    in order of their due dates, for the currencies in `complete`, and only if `as_of` is known. Without `earliest`, the
    list was made at `as_of`.
    """
    earliest = min(earliest, as_of) if earliest and as_of else as_of
    here = _open(account)
    listed = {item.invoice_number for item in items}
    here |= _others(account, listed - here.keys())
    gone = _cancelled_since(account, listed - here.keys(), earliest) if earliest else set()
    found = [
        difference
        for item in items
        if item.invoice_number not in gone
        for difference in _differences(item, here.get(item.invoice_number), as_of)
    ]
    if earliest:
        closed = [
            row
            for row in here.values()
            if row.is_open
            and row.currency in complete
            and row.registered_at <= earliest
            and row.invoice_number not in listed
        ]
        reopened = _changed_since([row.pk for row in closed], earliest, _REOPENED)
        found += (
            _difference(DifferenceKind.CLOSED_THERE, row, balance_there=Decimal(0))
            for row in sorted(closed, key=lambda row: (row.due_date, row.invoice_number))
            if row.pk not in reopened
        )
        changed = _changed_since([each.invoice_id for each in found if each.invoice_id], earliest, _CHANGED)
        found = [each._replace(changed_since=each.invoice_id in changed) for each in found]
    return found


def record(
    account: Account,
    items: Sequence[Item],
    actor: Actor,
    *,
    source: str,
    as_of: dt.datetime | None = None,
    earliest: dt.datetime | None = None,
    complete: Collection[str] = (),
    file_name: str = "",
) -> tuple[OpenItemsList, list[Found]]:
    """Compare the list and store it with its differences. No invoice is changed.

    A list that has all open invoices of the account's currencies confirms that its payments up to `as_of` are recorded.
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
        found = compare(account, items, as_of=as_of, earliest=earliest, complete=complete)
        _store(stored, found)
        lists = OpenItemsList.objects.for_account(account)
        lists.filter(pk__in=list(lists.values_list("pk", flat=True)[LISTS_KEPT:])).delete()
        if as_of and _confirms(account, items, complete):
            signals.payments_synced.send(Account, account=account, actor=actor, as_of=as_of)
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
    return any(_open_invoices(account).filter(invoice_number__in=part).exists() for part in _chunks(numbers))


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
        yield _difference(DifferenceKind.OTHER_CURRENCY, row, item.balance, item.due_date, item.currency)
        return
    if row.balance != item.balance:
        is_explained = row.is_open and item.amount is not None and item.amount - row.covered == item.balance
        difference = _difference(DifferenceKind.OTHER_BALANCE, row, item.balance)
        yield difference._replace(amount_there=item.amount) if is_explained else difference
    if row.is_open and item.due_date and row.due_date != item.due_date:
        yield _difference(DifferenceKind.OTHER_DUE_DATE, row, due_date_there=item.due_date)


def _difference(
    kind: DifferenceKind,
    row: _Row,
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
    )


def _store(stored: OpenItemsList, found: Sequence[Found]) -> None:
    """Insert the differences. There may be 100,000, for which model instances take many times as long."""
    for chunk in _chunks(found):
        columns = map(list, zip(*chunk, strict=True))
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
    for chunk in _chunks(rest):
        found |= _rows(
            account, Invoice.objects.for_account(account).filter(invoice_number__in=chunk, cancelled_at=None)
        )
    return found


def _cancelled_since(account: Account, numbers: Iterable[str], moment: dt.datetime) -> set[str]:
    """Return the numbers among these whose invoices were cancelled after the moment."""
    found: set[str] = set()
    for chunk in _chunks(sorted(numbers)):
        rows = Invoice.objects.for_account(account).filter(invoice_number__in=chunk, cancelled_at__gt=moment)
        found.update(rows.order_by().values_list("invoice_number", flat=True))
    return found


# Entries of the timeline that say that an invoice was opened again, or that its amounts, status or dates changed.
_REOPENED = Q(kind="status_changed", before__status__in=[Status.PAID, Status.WRITTEN_OFF, Status.CANCELLED])
_CHANGED = Q(
    kind__in=(
        *("changed", "status_changed", "payment_recorded", "payment_reversed", "payment_voided", "payment_released"),
        *("credit_applied", "credit_applied_automatically", "credit_note_issued", "credit_note_voided"),
    )
) & ~Q(actor=CLOCK.name)


def _changed_since(invoice_ids: Sequence[uuid.UUID], moment: dt.datetime, entries: Q) -> set[uuid.UUID]:
    """Return the invoices among these that have such an entry after the moment."""
    found: set[uuid.UUID] = set()
    for chunk in _chunks(invoice_ids):
        rows = TimelineEntry.objects.filter(entries, invoice__in=chunk, at__gt=moment)
        found.update(rows.order_by().values_list("invoice_id", flat=True).distinct())
    return found


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _rows(account: Account, invoices: InvoiceQuerySet) -> dict[str, _Row]:
    columns = ("pk", "invoice_number", "currency", "amount", "amount_paid", "amount_credited", "due_date")
    # `entered_at` is in the account's time, but later than the registration if the schedule was started again.
    registered = Coalesce("entered_at", "created_at") if account.clock else Least("created_at", "entered_at")
    rows = invoices.order_by().values_list(*columns, registered, "status")
    return {
        number: _Row(
            pk,
            number,
            currency,
            balance=amount - paid - credited,
            covered=paid + credited,
            due_date=due,
            registered_at=registered_at,
            is_open=status in OPEN,
        )
        for pk, number, currency, amount, paid, credited, due, registered_at, status in rows.iterator(_CHUNK)
    }
