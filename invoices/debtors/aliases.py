"""Merged debtors: their ids stand for the debtor that replaced them."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from inflow.accounts.models import Account
from inflow.sql import select
from invoices.models import Debtor


def current(debtor: Debtor) -> Debtor:
    """Return the debtor, or the one that replaces it."""
    account = debtor.account
    while debtor.merged_into_id:
        debtor = Debtor.objects.get(pk=debtor.merged_into_id)
        debtor.account = account
    return debtor


def current_id(account: Account, debtor_id: uuid.UUID) -> uuid.UUID:
    """Return the id of the debtor, or of the one that replaces it. An unknown id is returned as it is."""
    merged = Debtor.objects.for_account(account).exclude(merged_into=None).order_by()
    while into := merged.filter(pk=debtor_id).values_list("merged_into", flat=True).first():
        debtor_id = into
    return debtor_id


def ids_of(debtor_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the id of a debtor and those of all debtors merged into it."""
    found, newest = [debtor_id], [debtor_id]
    while newest := list(Debtor.objects.filter(merged_into__in=newest).order_by("id").values_list("pk", flat=True)):
        found += newest
    return found


def lock(account: Account, debtor_id: uuid.UUID) -> Debtor:
    """Lock and return the debtor with this id, or the one that replaces it. Raise `Debtor.DoesNotExist`.

    A merged debtor is never locked: whoever waits for the one that replaces it must hold no lock that others wait for.
    """
    rows = Debtor.objects.for_account(account)
    while True:
        while merged_into := rows.values_list("merged_into", flat=True).get(pk=debtor_id):
            debtor_id = merged_into
        before = transaction.savepoint()
        debtor: Debtor = rows.select_for_update(no_key=True).get(pk=debtor_id)
        if debtor.merged_into_id is None:
            transaction.savepoint_commit(before)
            debtor.account = account
            return debtor
        transaction.savepoint_rollback(before)  # it was merged meanwhile; this releases its lock


def hold(debtor: Debtor) -> Debtor:
    """Return the debtor, or the one that replaces it, and let nobody merge it before the transaction ends.

    A new row that refers to a debtor needs this, unless the debtor is locked. Holders do not wait for each other.
    """
    while True:
        ((merged_into,),) = select(_HOLD, [debtor.pk])
        if merged_into is None:
            return debtor
        account = debtor.account
        debtor = Debtor.objects.get(pk=merged_into)
        debtor.account = account


def hold_all(debtors: Iterable[Debtor]) -> dict[uuid.UUID, Debtor]:
    """Return these debtors, or those that replace them, by the ids of these. Hold them as `hold` does."""
    found = {debtor.pk: debtor for debtor in debtors}
    merged = select(_HOLD_ALL, [[*found]]) if found else []
    for debtor_id, merged_into in merged:
        if merged_into is not None:
            found[debtor_id] = hold(found[debtor_id])
    return found


_HOLD = "SELECT merged_into_id FROM invoices_debtor WHERE id = %s FOR KEY SHARE"
_HOLD_ALL = "SELECT id, merged_into_id FROM invoices_debtor WHERE id = ANY (%s) ORDER BY id FOR KEY SHARE"
