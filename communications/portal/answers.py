"""Answers of debtors on their page, and their handling by staff.

A dispute takes effect immediately, and so does a first promise for a near date. Other answers are proposals. While one
is unhandled, messages to the debtor are held, for a few working days at most.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from communications.inbound import inbox
from communications.models import Answer, AnswerKind, AnswerStatus
from inflow.accounts.actors import DEBTOR, Actor
from invoices import dispute_records, disputes, lifecycle, writing
from invoices.debtors import debtors
from invoices.debtors.debtor_parties import DebtorParty
from invoices.documents import dispute_files
from invoices.models import Debtor, Invoice, Receipt, Status
from invoices.writing import Refused

# A first promise up to this far ahead takes effect without approval.
AUTOMATIC_WITHIN = dt.timedelta(days=14)


def report_payment(debtor: Debtor, invoice_ids: Collection[uuid.UUID], paid_on: dt.date, reference: str = "") -> None:
    """Record that the debtor reports a payment. The ledger changes only when staff confirm it. Raise `Refused`."""
    with _lock_invoices(debtor, invoice_ids) as invoices:
        if paid_on > debtor.account.today():
            raise Refused("paid_on", "in_the_future", _("The payment date can't be in the future."))
        at = debtor.account.now()
        for invoice in invoices:
            _propose(invoice, AnswerKind.PAID, at, day=paid_on, reference=reference)
        by = f", reference {reference}" if reference else ""
        _hold_messages(debtor, f"Has paid {_numbers(invoices)} on {paid_on}{by}.")


def promise(debtor: Debtor, invoice_ids: Collection[uuid.UUID], day: dt.date) -> bool:
    """Record a promise to pay by `day`. Return True if it took effect on all of the invoices. Raise `Refused`."""
    account = debtor.account
    with _lock_invoices(debtor, invoice_ids) as invoices:
        today, at = account.today(), account.now()
        if day < today:
            raise Refused("promised_on", "in_the_past", _("A promise must not lie in the past."))
        proposed = []
        for invoice in invoices:
            if day <= today + AUTOMATIC_WITHIN and _may_promise(invoice):
                lifecycle.promise(account, invoice.pk, DEBTOR, day)
                _create(invoice, AnswerKind.PROMISE, AnswerStatus.CONFIRMED, at, took_effect=True, day=day)
            else:
                _propose(invoice, AnswerKind.PROMISE, at, day=day)
                proposed.append(invoice)
        if proposed:
            _hold_messages(debtor, f"Will pay {_numbers(proposed)} by {day}.")
    return not proposed


def dispute(
    debtor: Debtor,
    invoice_ids: Collection[uuid.UUID],
    why: str,
    *,
    reason_id: int | None = None,
    amount: Decimal | None = None,
    files: Collection[tuple[str, bytes]] = (),
) -> None:
    """Record a dispute. It takes effect immediately.

    With `amount`, only that part of a single invoice is disputed. `files` are pairs of name and content. If an invoice
    is already disputed, only the text and the files are added. Raise `Refused` if nothing can be disputed like this.
    """
    with _lock_invoices(debtor, invoice_ids) as invoices:
        at = debtor.account.now()
        if amount is not None and len(invoices) > 1:
            raise Refused("amount", "several", _("A disputed amount applies to one invoice only."))
        for invoice in invoices:
            if invoice.status != Status.DISPUTED:
                disputes.open_dispute(debtor.account, invoice.pk, DEBTOR, reason_id=reason_id, amount=amount, text=why)
            if opened := dispute_records.latest_open(invoice):
                for name, data in files:
                    dispute_files.add(debtor.account, opened.pk, DEBTOR, data, name)
            _propose(invoice, AnswerKind.DISPUTE, at, text=why, took_effect=True)
        _hold_messages(debtor, f"Disputes {_numbers(invoices)}: {why}")


def confirm_paid(
    answer: Answer,
    actor: Actor,
    *,
    amount: Decimal,
    paid_at: dt.date,
    method: str = "unspecified",
    reference: str = "",
    key: uuid.UUID | None = None,
) -> None:
    """Confirm a payment and record it in the ledger. Raise `Refused` as the ledger does."""
    if key and Receipt.objects.filter(pk=key, posted_on=answer.invoice_id).exists():  # the form was submitted before
        return
    with _handle(answer, actor, AnswerStatus.CONFIRMED) as invoice:
        lifecycle.record_payment(
            invoice.account,
            invoice.pk,
            actor,
            amount=amount,
            paid_at=paid_at,
            method=method,
            reference=reference,
            key=key,
        )


def confirm_promise(answer: Answer, actor: Actor, *, promised_on: dt.date) -> None:
    """Confirm a promise and record it on the invoice."""
    with _handle(answer, actor, AnswerStatus.CONFIRMED) as invoice:
        lifecycle.promise(invoice.account, invoice.pk, actor, promised_on)


def confirm_dispute(answer: Answer, actor: Actor, *, reason: str = "") -> None:
    """Acknowledge a dispute. The invoice remains disputed until staff resume it."""
    with _handle(answer, actor, AnswerStatus.CONFIRMED, reason):
        pass


def dismiss(answer: Answer, actor: Actor, *, reason: str) -> None:
    """Dismiss an answer. Effects that it already had remain."""
    with _handle(answer, actor, AnswerStatus.DISMISSED, reason):
        pass


def for_party(party: DebtorParty) -> list[Answer]:
    """Return the answers about the party's open invoices, newest first, without dismissed ones."""
    fields = Answer.objects.filter(debtor=party.debtor, invoice__in=party.invoices.open())
    return list(fields.exclude(status=AnswerStatus.DISMISSED).select_related("invoice"))


@contextmanager
def _lock_invoices(debtor: Debtor, invoice_ids: Collection[uuid.UUID]) -> Iterator[list[Invoice]]:
    """Lock the debtor and these invoices and yield the invoices. Raise `Refused` if one is not open."""
    with transaction.atomic():
        Debtor.objects.select_for_update(no_key=True, of=("self",)).get(account=debtor.account, pk=debtor.pk)
        selected = Invoice.objects.filter(debtor=debtor, pk__in=invoice_ids).open()
        invoices = list(selected.select_for_update(no_key=True).order_by("id"))
        if not invoices or len(invoices) != len(set(invoice_ids)):
            raise Refused("invoices", "not_open", _("Choose open invoices only."))
        for invoice in invoices:
            invoice.account, invoice.debtor = debtor.account, debtor
        yield invoices
        inbox.mark_replied(invoices)


@contextmanager
def _handle(answer: Answer, actor: Actor, status: AnswerStatus, reason: str = "") -> Iterator[Invoice]:
    """Mark an answer as handled. Raise `Refused` if it was handled already.

    Messages resume when the debtor has no unhandled answers.
    """
    account = answer.account
    with transaction.atomic():
        invoice = writing.lock(account, answer.invoice_id)
        row = Answer.objects.select_for_update().get(account=account, pk=answer.pk)
        if row.status != AnswerStatus.PROPOSED:
            message = _("This response is already %(status)s.")
            raise Refused("status", "handled", message % {"status": row.get_status_display().lower()})
        row.status, row.handled_at, row.handled_by, row.handled_because = status, account.now(), actor.name, reason
        row.save(update_fields=["status", "handled_at", "handled_by", "handled_because"])
        yield invoice
        inbox.update_hold(account, row.debtor_id, actor, reason)


def _may_promise(invoice: Invoice) -> bool:
    """Return True for the first promise of an invoice that is neither on hold nor disputed."""
    is_free = invoice.status in (Status.NEW, Status.OVERDUE)
    return is_free and not Answer.objects.filter(invoice=invoice, kind=AnswerKind.PROMISE, took_effect=True).exists()


def _propose(invoice: Invoice, kind: AnswerKind, at: dt.datetime, **fields: object) -> None:
    """Propose an answer. It replaces an unhandled one of the same kind."""
    waiting = Answer.objects.filter(invoice=invoice, kind=kind, status=AnswerStatus.PROPOSED)
    if not waiting.update(**fields, said_at=at):
        _create(invoice, kind, AnswerStatus.PROPOSED, at, **fields)


def _create(invoice: Invoice, kind: AnswerKind, status: AnswerStatus, at: dt.datetime, **fields: object) -> None:
    Answer.objects.create(
        account=invoice.account, debtor=invoice.debtor, invoice=invoice, kind=kind, status=status, said_at=at, **fields
    )


def _hold_messages(debtor: Debtor, text: str) -> None:
    debtors.record_reply(debtor.account, debtor.pk, DEBTOR, text=text)


def _numbers(invoices: Collection[Invoice]) -> str:
    return ", ".join(invoice.invoice_number for invoice in invoices)
