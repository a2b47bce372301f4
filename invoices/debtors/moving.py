"""Moving invoices to another debtor. The caller holds the locks of the debtors and of the invoices."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import QuerySet, Sum

from inflow.accounts.actors import Actor
from invoices import signals, timeline
from invoices.drafts import Draft
from invoices.models import Allocation, CreditNote, Debtor, Invoice, Receipt


def move(drafts: Collection[Draft], debtor: Debtor, actor: Actor, *, reason: str = "") -> None:
    """Move the invoices of these drafts to `debtor`, with what is planned for them.

    Receipts and credit notes that were recorded on them follow, unless they also pay an invoice of another debtor. What
    was sent stays as it was sent.
    """
    moved: dict[Debtor, list[Draft]] = {}
    for draft in drafts:
        if draft.invoice.debtor_id != debtor.pk:
            moved.setdefault(draft.invoice.debtor, []).append(draft)
    for previous, theirs in moved.items():
        names: dict[str, Any] = {"old": str(previous), "new": str(debtor)}
        for draft in theirs:
            draft.moved_from, draft.invoice.debtor = previous, debtor
            timeline.note(draft.invoice, "moved", actor, reason=reason, batch=draft.batch, **names)
        invoices = [draft.invoice for draft in theirs]
        ids = {invoice.pk for invoice in invoices}
        _move_money(ids, previous, debtor)
        for each, kind in ((previous, "others_left"), (debtor, "others_arrived")):
            _note_on_others(each, invoices, kind, actor, reason, names)
        signals.invoices_moved.send(Invoice, invoices=invoices, previous=previous, debtor=debtor)


def _move_money(ids: Collection[uuid.UUID], previous: Debtor, debtor: Debtor) -> None:
    sources: tuple[tuple[str, QuerySet[Receipt] | QuerySet[CreditNote]], ...] = (
        ("receipt", Receipt.objects.filter(posted_on__in=ids, debtor=previous)),
        ("credit_note", CreditNote.objects.filter(invoice__in=ids, debtor=previous)),
    )
    for name, rows in sources:
        found = list(rows.values_list("pk", flat=True))
        lines = Allocation.objects.filter(**{f"{name}__in": found}).exclude(invoice__in=ids)
        elsewhere = lines.exclude(invoice__debtor=debtor).order_by().values(name, "invoice")
        bound = {line[name] for line in elsewhere.annotate(total=Sum("amount")).exclude(total=0)}
        rows.filter(pk__in=set(found) - bound).update(debtor=debtor)


def _note_on_others(
    debtor: Debtor, moved: Sequence[Invoice], kind: str, actor: Actor, reason: str, names: dict[str, Any]
) -> None:
    """Say on the timelines of the debtor's other open invoices which invoices left or arrived."""
    what: dict[str, Any] = {"number": moved[0].invoice_number} if len(moved) == 1 else {"count": str(len(moved))}
    ids = [each.pk for each in moved]
    timeline.note_on_open(debtor, kind, actor, reason=reason, except_for=ids, **what, **names)
