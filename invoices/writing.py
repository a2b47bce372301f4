"""The one writer: an invoice is locked, its facts move, and what really changed is written, noted and announced."""

import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import field_label
from inflow.sql import account_scope, columns, objects, select
from invoices import dispute_records, money, promises, receipts, signals, timeline
from invoices.cases import escalations
from invoices.drafts import AMENDABLE, REPORTED, Draft, watched
from invoices.errors import Changed, NotFound, Refused, StaffOnly, VersionMismatch
from invoices.models import (
    Debtor,
    Invoice,
    Payment,
    Resolution,
)

__all__ = ["NotFound", "Refused", "StaffOnly", "VersionMismatch", "changing", "changing_all", "lock"]


def lock(account: Account, invoice_id: uuid.UUID) -> Invoice:
    """Return the invoice, its debtor's row locked first: whoever writes to either waits for the transaction's end."""
    values = {"invoice": invoice_id, "account": account.pk}
    rows = select(_LOCK, values)
    while not rows:
        if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
            raise NotFound
        rows = select(_LOCK, values)  # while it waited, the invoice moved to another debtor
    invoice: Invoice
    debtor, invoice = objects(rows[0], Debtor, Invoice)
    invoice.account, invoice.debtor = account, debtor
    return invoice


# PostgreSQL locks a row's tables in the order in which they are named here, each as it is committed then.
_LOCK = f"""
SELECT {columns(Debtor, Invoice)}
FROM invoices_debtor JOIN invoices_invoice ON invoices_invoice.debtor_id = invoices_debtor.id
WHERE invoices_invoice.id = %(invoice)s AND invoices_invoice.account_id = %(account)s
FOR NO KEY UPDATE OF invoices_debtor, invoices_invoice
"""  # noqa: S608


@contextmanager
def changing(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    if_version_in: Collection[int] | None = None,
    locks_payers: bool = False,
) -> Iterator[Draft]:
    """Lock the invoice, let the caller move its facts, then write, note and announce what really changed.

    With `locks_payers`, lock also the other debtors whose money may be taken back from the invoice.
    """
    with account_scope(account):
        if locks_payers and (payers := receipts.payers(invoice_id)):
            lock_debtors(account, [invoice_id], payers)
        invoice = lock(account, invoice_id)
        if if_version_in is not None and invoice.version not in if_version_in:
            raise VersionMismatch
        draft = Draft(account, invoice, actor, reason)
        yield draft
        _write(draft)
        _announce(account, actor, [draft])


@contextmanager
def changing_all(
    account: Account,
    invoice_ids: Collection[uuid.UUID],
    actor: Actor,
    *,
    debtor_id: uuid.UUID,
    reason: str = "",
    applies_credit: bool = True,
) -> Iterator[dict[uuid.UUID, Draft]]:
    """Lock the debtors, `debtor_id` among them, and then the invoices; let the caller move facts, then write them as
    `changing` does. Yield the drafts, those of the oldest invoices first. Without any, the debtor's credit changes.
    """
    with account_scope(account):
        debtors = lock_debtors(account, invoice_ids, {debtor_id})
        rows = Invoice.objects.for_account(account).filter(pk__in=invoice_ids)
        invoices = list(rows.select_for_update(no_key=True).order_by("id"))
        if len(invoices) != len(set(invoice_ids)) or any(invoice.debtor_id not in debtors for invoice in invoices):
            raise Changed
        for invoice in invoices:
            invoice.account, invoice.debtor = account, debtors[invoice.debtor_id]
        invoices.sort(key=lambda each: (each.due_date, each.issue_date, each.invoice_number))
        drafts = {invoice.pk: Draft(account, invoice, actor, reason) for invoice in invoices}
        yield drafts
        for draft in drafts.values():
            _write(draft)
        _announce(
            account,
            actor,
            drafts.values(),
            credit_changed=() if drafts else {debtor_id},
            # A debtor's message was replanned while others of the invoices were still to be written.
            changed=debtors if len(drafts) > 1 else (),
            applies_credit=applies_credit,
        )


def lock_debtors(
    account: Account, invoice_ids: Collection[uuid.UUID], debtor_ids: set[uuid.UUID]
) -> dict[uuid.UUID, Debtor]:
    """Lock the debtors of the invoices and those named, in the order of their ids."""
    own = Invoice.objects.for_account(account).filter(pk__in=invoice_ids).order_by().values_list("debtor_id", flat=True)
    ids = {*own, *debtor_ids}
    locked = Debtor.objects.for_account(account).select_for_update(no_key=True).filter(pk__in=ids).order_by("id")
    debtors: dict[uuid.UUID, Debtor] = {}
    for debtor in locked:
        debtor.account = account
        debtors[debtor.pk] = debtor
    return debtors


def _write(draft: Draft) -> None:
    """Write, note and announce what really changed."""
    invoice, actor, before = draft.invoice, draft.actor, draft.before
    after = watched(invoice)
    if before == after:
        if invoice.source_updated_at != draft.stored["source_updated_at"]:
            draft.batch.update(invoice, "source_updated_at")
        draft.follow()
        draft.batch.flush()
        return
    invoice.version += 1
    invoice.updated_at = timezone.now()
    changed = [name for name in REPORTED if before[name] != after[name]]
    if changed:
        timeline.note(
            invoice,
            "status_changed" if before["status"] != after["status"] else "changed",
            actor,
            before={name: _plain(before[name]) for name in changed},
            after={name: _plain(after[name]) for name in changed},
            reason=draft.reason,
            batch=draft.batch,
        )
    if (before["hold_until"] or draft.is_undone) and (promise := promises.latest(invoice)):
        draft.batch.flush()
        promises.update(promise, invoice, actor, is_undone=draft.is_undone)
    if not invoice.is_open:
        draft.batch.flush()
        escalations.close_all(invoice, Resolution.CLOSED, actor)
    elif draft.is_reopened and (since := draft.reopens_since or draft.stored["covered_at"]):
        draft.batch.flush()
        escalations.reopen(invoice, since, actor, is_payment_undone=draft.reopens_since is None)
        draft.stops_debtor = invoice.escalation_level >= escalations.MAX_LEVEL
    opened = resolved = None
    if before["disputed_at"] != invoice.disputed_at:
        draft.batch.flush()
        if before["disputed_at"]:
            resolved = dispute_records.end(invoice, actor, draft.dispute_outcome, draft.dispute_answer)
        if invoice.disputed_at:
            details = draft.dispute_details or dispute_records.Details()
            opened = draft.reopened_dispute or dispute_records.start(invoice, actor, details)
    draft.follow()
    if draft.is_undone and invoice.is_open:
        signals.payment_undone.send(Invoice, invoice=invoice)
    # First the schedule: what it moves, such as next_contact_at, is in what is written and what the others are shown.
    signals.facts_changed.send(Invoice, invoice=invoice, actor=actor, batch=draft.batch)
    stored = invoice.as_stored().items()
    draft.batch.update(invoice, *sorted(name for name, value in stored if value != draft.stored[name]))
    draft.batch.flush()
    amended = [name for name in (*AMENDABLE, "debtor_id", "notes") if before[name] != after[name]]
    if amended and amended != ["notes"]:
        signals.invoice_amended.send(Invoice, invoice=invoice, changes={name: before[name] for name in amended})
    if (before["status"], before["payment_status"]) != (invoice.status, invoice.payment_status):
        signals.invoice_changed.send(
            Invoice,
            invoice=invoice,
            actor=actor,
            previous_status=before["status"],
            previous_payment_status=before["payment_status"],
        )
    dispute_records.announce(opened, resolved, actor)


def _announce(
    account: Account,
    actor: Actor,
    drafts: Collection[Draft],
    *,
    credit_changed: Collection[uuid.UUID] = (),
    changed: Collection[uuid.UUID] = (),
    applies_credit: bool = True,
) -> None:
    """Announce payments, and debtors whose credit or other facts have changed."""
    for draft in drafts:
        for payment in draft.payments:
            announce_payment(account, payment, draft.invoice, actor)
    credited = {*credit_changed}.union(*(draft.credit_changed for draft in drafts))
    stopped = {draft.invoice.debtor_id for draft in drafts if draft.stops_debtor}
    moved = {debtor.pk for draft in drafts if draft.moved_from for debtor in draft.debtors}
    # A changed disputed amount changes the totals in messages about the debtor's other invoices.
    parts = {draft.invoice.debtor_id for draft in drafts if draft.has_other_part}
    concerned = {*changed, *credited, *stopped, *moved, *parts}
    if not concerned:
        return
    known = {debtor.pk: debtor for draft in drafts for debtor in draft.debtors}
    if concerned - known.keys():
        known |= {debtor.pk: debtor for debtor in Debtor.objects.filter(pk__in=concerned - known.keys())}
    undone = {draft.invoice.pk for draft in drafts if draft.is_undone}
    for debtor_id in sorted(concerned):
        debtor = known[debtor_id]
        debtor.account = account
        if applies_credit and debtor_id in credited:
            signals.credit_changed.send(Debtor, debtor=debtor, actor=actor, except_for=undone)
        signals.debtor_changed.send(Debtor, debtor=debtor)


def announce_payment(account: Account, payment: Payment, invoice: Invoice | None, actor: Actor) -> None:
    signals.payment_recorded.send(Payment, account=account, invoice=invoice, payment=payment, actor=actor)


def insert(row: Model, constraint: str, refusal: Callable[[], Refused]) -> None:
    """INSERT, and say it in the domain's words where the database refuses by `constraint`."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if constraint in str(error):
            raise refusal() from error
        raise


def check_money(field: str, amount: Decimal, currency: str) -> None:
    exponent = money.EXPONENTS[currency]
    if amount <= 0:
        raise Refused(field, "not_positive", _("%(field)s must be greater than 0.") % {"field": field_label(field)})
    if money.decimals(amount) > exponent:
        raise Refused(
            field,
            "too_many_decimals",
            _("%(currency)s has %(exponent)s decimals at most.") % {"currency": currency, "exponent": exponent},
        )


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value if value is None or isinstance(value, str | list | dict) else str(value)
