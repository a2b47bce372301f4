"""Disputes of invoices: opened by staff, a debtor or a program, revised, and resolved. Each verb is one transaction.

The disputed amount of an invoice is not chased; the rest is. If the whole invoice is disputed, nothing is sent.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.languages import choice_label
from invoices import bounds, credit_notes, dispute_records, lifecycle, signals, timeline
from invoices.dispute_records import Details
from invoices.drafts import Draft
from invoices.models import Dispute, DisputeOutcome, DisputeReason, Invoice, Status
from invoices.models.disputes import DEFAULT_REASONS
from invoices.writing import NotFound, Refused, changing, check_money

MAX_TEXT = 5_000


def open_dispute(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    *,
    reason_id: int | None = None,
    amount: Decimal | None = None,
    text: str = "",
    owner: User | None = None,
    answer_by: dt.date | None = None,
) -> Dispute:
    """Dispute an open invoice, or `amount` of its balance in the invoice's currency.

    Without `owner` and `answer_by`, the dispute has the debtor's owner and is to be answered within 7 days. Raise
    `Refused` if the invoice is closed or already disputed, or if the amount or the reason is invalid.
    """
    with changing(account, invoice_id, actor, reason=text) as draft:
        invoice = draft.invoice
        if not invoice.is_open or invoice.status == Status.DISPUTED:
            message = _("An invoice that is %(status)s can't become %(target)s.")
            names = {"status": choice_label(Status, invoice.status), "target": choice_label(Status, Status.DISPUTED)}
            raise Refused("status", "illegal_transition", message % names)
        if answer_by:
            bounds.check_end(account, actor, "answer_by", answer_by)
        draft.dispute_details = Details(
            reason=_reason(account, reason_id) if reason_id else None,
            text=text,
            owner_id=owner.pk if owner else None,
            answer_by=answer_by,
        )
        lifecycle.contest(draft, check_part(invoice, amount))
        draft.derive()
    found = dispute_records.latest_open(draft.invoice)
    assert found is not None
    return found


def revise(
    account: Account,
    dispute_id: uuid.UUID,
    actor: Actor,
    *,
    reason_id: int | None,
    amount: Decimal | None,
    owner: User | None,
    answer_by: dt.date | None,
) -> Dispute:
    """Change the reason, amount, owner or answer day of an open dispute. Messages are rescheduled."""
    with _changing(account, dispute_id, actor) as (draft, dispute):
        part = check_part(draft.invoice, amount)
        if answer_by and answer_by != dispute.answer_by:
            bounds.check_end(account, actor, "answer_by", answer_by)
        if part != dispute.amount:
            draft.invoice.contested_amount = part
            params: dict[str, Any] = {"amount": (part, draft.invoice.currency)} if part else {}
            timeline.note(draft.invoice, "dispute_revised", actor, **params)
        dispute.reason = _reason(account, reason_id) if reason_id else None
        dispute.amount, dispute.owner, dispute.answer_by = part, owner, answer_by
        dispute.save(update_fields=["reason", "amount", "owner", "answer_by"])
        draft.then(lambda: signals.dispute_revised.send(Dispute, dispute=dispute, actor=actor))
    return dispute


def withdraw(account: Account, dispute_id: uuid.UUID, actor: Actor, *, answer: str = "") -> Dispute:
    """Resolve a dispute that the debtor has withdrawn. The whole balance is chased again."""
    return _resolve(account, dispute_id, actor, DisputeOutcome.WITHDRAWN, answer)


def reject(account: Account, dispute_id: uuid.UUID, actor: Actor, *, answer: str) -> Dispute:
    """Reject a dispute with the answer that the debtor gets. The whole balance is chased again."""
    if not answer.strip():
        raise Refused("answer", "required", _("Enter an answer for the debtor."))
    return _resolve(account, dispute_id, actor, DisputeOutcome.REJECTED, answer)


def resolve_by_credit_note(
    account: Account,
    dispute_id: uuid.UUID,
    actor: Actor,
    *,
    number: str,
    amount: Decimal,
    answer: str = "",
    key: uuid.UUID | None = None,
) -> Dispute:
    """Resolve a dispute by a credit note that lowers the invoice."""
    with transaction.atomic():
        invoice = _invoice(account, dispute_id)
        dispute = _resolve(account, dispute_id, actor, DisputeOutcome.CREDIT_NOTE, answer)
        values = {"number": number, "date": account.today(), "amount": amount, "currency": invoice.currency}
        credit_notes.issue(account, actor, invoice_id=invoice.pk, key=key, **values)  # type: ignore[arg-type]
    return dispute


def resolve_by_correction(
    account: Account, dispute_id: uuid.UUID, actor: Actor, *, amount: Decimal, answer: str = ""
) -> Dispute:
    """Resolve a dispute by correcting the amount of the invoice."""
    with transaction.atomic():
        invoice = _invoice(account, dispute_id)
        dispute = _resolve(account, dispute_id, actor, DisputeOutcome.CORRECTED_AMOUNT, answer)
        lifecycle.amend(account, invoice.pk, actor, {"amount": amount})
    return dispute


def check_part(invoice: Invoice, amount: Decimal | None) -> Decimal | None:
    """Return the disputed amount, or None if it is the whole balance. Raise `Refused` if it is invalid or larger."""
    if amount is None:
        return None
    check_money("amount", amount, invoice.currency)
    if amount > invoice.balance:
        raise Refused("amount", "above_balance", _("The disputed amount must not exceed the balance."))
    return dispute_records.part_of(amount, invoice.balance)


def offered_reasons(account: Account) -> list[DisputeReason]:
    """Return the reasons that staff and debtors of the account may choose, in order."""
    return list(DisputeReason.objects.for_account(account).filter(is_offered=True))


def reason_named(account: Account, name: str) -> DisputeReason:
    """Return the offered reason with this English name. Raise `Refused`, naming the offered ones, if there is none."""
    offered = offered_reasons(account)
    found = next((reason for reason in offered if reason.name_en.casefold() == name.casefold()), None)
    if found is None:
        message = _("Choose one of the account's reasons: %(names)s.")
        names = ", ".join(reason.name_en for reason in offered)
        raise Refused("reason", "unknown_reason", message % {"names": names})
    return found


def create_default_reasons(account: Account) -> None:
    """Create the reasons of a new account."""
    rows = [
        DisputeReason(account=account, name_en=english, name_ar=arabic, position=place)
        for place, (english, arabic) in enumerate(DEFAULT_REASONS, start=1)
    ]
    DisputeReason.objects.bulk_create(rows, ignore_conflicts=True)


def _reason(account: Account, reason_id: int) -> DisputeReason:
    found: DisputeReason | None = DisputeReason.objects.for_account(account).filter(pk=reason_id).first()
    if found is None:
        raise Refused("reason", "unknown_reason", _("Choose one of the account's reasons."))
    return found


def _invoice(account: Account, dispute_id: uuid.UUID) -> Invoice:
    dispute = Dispute.objects.for_account(account).filter(pk=dispute_id).select_related("invoice").first()
    if dispute is None:
        raise NotFound
    invoice: Invoice = dispute.invoice
    return invoice


@contextmanager
def _changing(
    account: Account, dispute_id: uuid.UUID, actor: Actor, *, reason: str = ""
) -> Iterator[tuple[Draft, Dispute]]:
    """Lock the invoice of an open dispute. Raise `Refused` if the dispute is resolved or the invoice is not open."""
    with changing(account, _invoice(account, dispute_id).pk, actor, reason=reason) as draft:
        dispute = dispute_records.latest_open(draft.invoice)
        if dispute is None or dispute.pk != dispute_id or draft.invoice.status != Status.DISPUTED:
            raise Refused("status", "resolved", _("The dispute is already resolved, or its invoice is closed."))
        yield draft, dispute


def _resolve(account: Account, dispute_id: uuid.UUID, actor: Actor, outcome: DisputeOutcome, answer: str) -> Dispute:
    with _changing(account, dispute_id, actor, reason=answer) as (draft, dispute):
        draft.end_dispute(outcome, answer)
        draft.look()
    dispute.refresh_from_db()
    return dispute
