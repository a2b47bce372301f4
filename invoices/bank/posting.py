"""Decisions about bank lines: record the payment, link one that is recorded, reverse one, ignore the line, undo.

Each is one transaction. It ends with a compare-and-set of the line, so that of two people only one decides. A payment
has the line's `bank_id`, which the ledger records once.
"""

import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import ledger, money
from invoices.bank.proposals import Action, Proposal, stored
from invoices.errors import NotFound, Refused
from invoices.models import PaymentSettings, Receipt, ReceiptStatus
from invoices.models.bank import TO_DO, BankLine, Certainty, FurtherPayment, LineResult, LineState

METHOD = "bank_transfer"
# Lines that one request confirms.
MOST_AT_ONCE = 200
Allocations = Sequence[tuple[uuid.UUID, Decimal]]


def record(
    account: Account, line_id: uuid.UUID, actor: Actor, *, debtor_id: uuid.UUID | None, allocations: Allocations = ()
) -> Receipt:
    """Record the money of a line. What is not allocated is the debtor's credit."""
    line = _line(account, line_id)
    if line.amount < 0:
        raise Refused("line", "outgoing", _("No payment can be recorded for money that left the account."))
    if line.receipt_id and line.result == LineResult.RECORDED:
        raise _decided()
    with transaction.atomic():
        receipt = ledger.record_receipt(
            account,
            actor,
            debtor_id=debtor_id,
            amount=line.amount,
            currency=line.currency,
            paid_at=min(line.day, account.today()),
            method=METHOD,
            reference=_reference(line),
            bank_id=line.bank_id,
            allocations=allocations,
        )
        _decide(line, actor, state=LineState.POSTED, result=LineResult.RECORDED, receipt=receipt)
    return receipt


def link(account: Account, line_id: uuid.UUID, receipt_ids: Sequence[uuid.UUID], actor: Actor) -> None:
    """Link a line to the payments that were recorded by hand for it. No money is recorded.

    Raise `Refused` if they no longer add up to the line or belong to another one.
    """
    line = _line(account, line_id)
    with transaction.atomic():
        # A concurrent void of one of them is either committed and seen here, or waits and then finds the line.
        receipts = [_receipt(account, each, locks=True) for each in sorted(set(receipt_ids))]
        is_valid = {(each.currency, each.status) for each in receipts} == {(line.currency, ReceiptStatus.STANDING)}
        if not is_valid or sum(each.amount for each in receipts) != line.amount:
            message = ngettext(
                "The payment no longer has the amount %(amount)s.",
                "The payments no longer add up to %(amount)s.",
                len(receipts),
            )
            raise Refused("receipt", "changed", message % {"amount": money.display(line.amount, line.currency)})
        lines = BankLine.objects.for_account(account).filter(amount__gt=0)
        if lines.filter(Q(receipt__in=receipts) | Q(further__receipt__in=receipts)).exists():
            raise Refused("receipt", "linked", _("This payment belongs to another bank line."))
        _decide(line, actor, state=LineState.POSTED, result=LineResult.LINKED, receipt=receipts[0])
        FurtherPayment.objects.bulk_create(FurtherPayment(line=line, receipt=each) for each in receipts[1:])


def reverse(account: Account, line_id: uuid.UUID, receipt_id: uuid.UUID, actor: Actor, *, reason: str = "") -> None:
    """Reverse a payment that the line takes back."""
    line = _line(account, line_id)
    receipt = _receipt(account, receipt_id)
    if (receipt.amount, receipt.currency) != (-line.amount, line.currency):
        message = _("The payment does not have the amount %(amount)s.")
        raise Refused("receipt", "other_amount", message % {"amount": money.display(-line.amount, line.currency)})
    with transaction.atomic():
        ledger.reverse_payment(account, None, receipt_id, actor, reason=reason or line.return_reason)
        _decide(line, actor, state=LineState.POSTED, result=LineResult.REVERSED, receipt=receipt)


def ignore(account: Account, line_id: uuid.UUID, actor: Actor, *, reason: str) -> None:
    """Leave a line out, because it is not about a debtor."""
    _decide(_line(account, line_id), actor, state=LineState.IGNORED, reason=reason)


def reopen(account: Account, line_id: uuid.UUID, actor: Actor) -> None:
    """Put an ignored line back on the list of what is to do."""
    line = _line(account, line_id)
    state = LineState.PROPOSED if line.proposals else LineState.OPEN
    ignored = BankLine.objects.filter(pk=line.pk, state=LineState.IGNORED)
    if not ignored.update(state=state, reason="", actor=actor.name, decided_at=None):
        raise _decided()


def undo(account: Account, line_id: uuid.UUID, actor: Actor, *, reason: str = "") -> None:
    """Take a decision back: void the payment that the line recorded, or unlink the one that was recorded by hand."""
    line = _line(account, line_id)
    if line.state != LineState.POSTED or line.receipt_id is None:
        raise _decided()
    if line.result == LineResult.REVERSED:
        message = _("A reversal can't be undone. Record the payment again if the bank paid it.")
        raise Refused("line", "reversed", message)
    if line.result == LineResult.RECORDED:
        ledger.void_payment(account, line.receipt_id, actor, reason=reason)  # `release` puts the line back
        return
    with transaction.atomic():
        _release(BankLine.objects.filter(pk=line.pk, state=LineState.POSTED, result=LineResult.LINKED))


def release(receipt_id: uuid.UUID) -> None:
    """Put the line of a voided payment back on the list of what is to do, in the transaction of the void."""
    lines = BankLine.objects.filter(state=LineState.POSTED, amount__gt=0)
    further = FurtherPayment.objects.filter(receipt=receipt_id).values("line")
    _release(lines.filter(Q(receipt=receipt_id) | Q(pk__in=further)), receipt_id)


def _release(lines: "QuerySet[BankLine]", receipt_id: uuid.UUID | None = None) -> None:
    """Put the lines back. The lock checks the query's conditions on the rows as they are committed by then."""
    for line in lines.select_for_update(no_key=True).order_by("pk"):
        if receipt_id and receipt_id not in {each.pk for each in line.payments}:
            continue  # released and recorded otherwise in the meantime
        line.further.all().delete()
        line.state = LineState.PROPOSED if line.proposals else LineState.OPEN
        line.receipt, line.result, line.actor, line.decided_at = None, "", "", None
        line.attempt += 1
        line.save(update_fields=["state", "receipt", "result", "actor", "decided_at", "attempt"])


# --- Proposals ---------------------------------------------------------------------------------------------------


def accept(account: Account, line: BankLine, proposal: Proposal, actor: Actor) -> None:
    """Do what a proposal says. The ledger refuses it if the invoices have changed since."""
    if proposal.action == Action.LINK:
        link(account, line.pk, proposal.payments(), actor)
    elif proposal.action == Action.REVERSE:
        reverse(account, line.pk, uuid.UUID(proposal.receipt), actor)
    else:
        record(account, line.pk, actor, debtor_id=uuid.UUID(proposal.debtor), allocations=proposal.shares())


def certain(lines: Iterable[BankLine]) -> list[BankLine]:
    """Return the lines whose first proposal is certain and may be confirmed with others. Reversals may not."""
    found = []
    for line in lines:
        proposals = stored(line)[:1] if line.is_to_do else []
        if proposals and proposals[0].certainty == Certainty.CERTAIN and proposals[0].action != Action.REVERSE:
            found.append(line)
    return found


def accept_certain(account: Account, lines: Iterable[BankLine], actor: Actor) -> tuple[int, list[str]]:
    """Confirm the certain lines, each by itself. Return how many were recorded, and why others were not."""
    done, refused = 0, []
    for line in certain(lines)[:MOST_AT_ONCE]:
        try:
            accept(account, line, stored(line)[0], actor)
            done += 1
        except Refused as refusal:
            refused.append(f"{line}: {refusal.message}")
    return done, refused


def link_recorded(account: Account, lines: Iterable[BankLine], actor: Actor) -> int:
    """Link the lines that are certainly recorded already. No money moves."""
    linked = 0
    for line in certain(lines):
        proposal = stored(line)[0]
        if proposal.action == Action.LINK:
            try:
                accept(account, line, proposal, actor)
                linked += 1
            except Refused:
                continue
    return linked


def post_exact(account: Account, lines: Iterable[BankLine], actor: Actor) -> int:
    """Record the lines whose reference and amount are exact, if the account has switched that on."""
    if not PaymentSettings.objects.filter(account=account, posts_exact_lines=True).exists():
        return 0
    done = 0
    for line in certain(lines):
        proposal = stored(line)[0]
        if proposal.is_exact:
            try:
                accept(account, line, proposal, actor)
                done += 1
            except Refused:
                continue
    return done


# --- Helpers -----------------------------------------------------------------------------------------------------


def _line(account: Account, line_id: uuid.UUID) -> BankLine:
    found: BankLine | None = BankLine.objects.for_account(account).filter(pk=line_id).first()
    if found is None:
        raise NotFound
    return found


def _receipt(account: Account, receipt_id: uuid.UUID, *, locks: bool = False) -> Receipt:
    rows = Receipt.objects.for_account(account).filter(pk=receipt_id)
    found: Receipt | None = (rows.select_for_update(no_key=True) if locks else rows).first()
    if found is None:
        raise NotFound
    return found


def _decide(
    line: BankLine, actor: Actor, *, state: str, result: str = "", receipt: Receipt | None = None, reason: str = ""
) -> None:
    """Store a decision if nobody decided before. Raise `Refused` otherwise."""
    to_do = BankLine.objects.filter(pk=line.pk, state__in=TO_DO, attempt=line.attempt)
    try:
        with transaction.atomic():
            decided = to_do.update(
                state=state, result=result, receipt=receipt, reason=reason, actor=actor.name, decided_at=timezone.now()
            )
    except IntegrityError as error:
        if "a_payment_is_one_line_of_the_bank" in str(error):
            message = _("This payment belongs to another bank line.")
            raise Refused("receipt", "linked", message) from error
        raise
    if not decided:
        raise _decided()


def _decided() -> Refused:
    return Refused("line", "decided", _("The line was handled in the meantime. Reload the page."))


def _reference(line: BankLine) -> str:
    """Return the payment's reference. If other lines have it too, such as instalments with the number of one order,
    each gets a different one, because the ledger takes a reference once on an invoice."""
    reference = line.bank_reference or line.end_to_end
    if not reference:
        return ""
    recorded = Receipt.objects.filter(account=line.account_id, reference=reference, status=ReceiptStatus.STANDING)
    # One of this amount without a line may be this payment, recorded by hand: then the ledger refuses it.
    manual = recorded.filter(amount=line.amount, currency=line.currency, bank_lines=None, further_of=None)
    if manual.exists() or not recorded.exists():
        return reference
    return f"{reference[:90]} ({line.base[:4]}-{line.ordinal})"
