"""The check before each further copy of a message, under the locks of the debtor and its invoices.

The first copy passes the gate with its message. Each other copy is sent only if the gate would write the same text to
the same address now. So a payment, a dispute, a reply or an opt-out that commits meanwhile is seen here.
"""

import copy as copying
import uuid

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from communications.delivery import gate, listing, safeguards, status_updates
from communications.delivery.gate import Case
from communications.models import CONTACTED, Communication, Copy, Kind, State
from communications.schedule import holding, ladder, one_off, ordering
from communications.schedule.facts import Facts
from inflow import masking
from inflow.accounts.models import Account
from inflow.languages import in_english
from invoices.cases import escalations
from invoices.models import OPEN, CaseStatus, Debtor, Escalation, Invoice, Reason, Status


def claim(copy_id: uuid.UUID, *, wait: bool = True, account: Account | None = None) -> Communication | None:
    """Mark a copy as `sending` and return it as a message. Return None if it may not be sent, or not any more.

    Without `wait`, a locked debtor is skipped. `account` is the account whose clock is moved.
    """
    with transaction.atomic(), in_english():
        case = _lock(copy_id, wait=wait, account=account)
        locked = Copy.objects.select_for_update(of=("self",)).filter(pk=copy_id, status=State.SCHEDULED)
        copy: Copy | None = locked.first() if case else None
        if case is None or copy is None or copy.scheduled_for > case.now:
            return None
        if why := _change(case):
            waiting = Copy.objects.filter(message_id=copy.message_id, status=State.SCHEDULED)
            status_updates.give_up_copies(case.due, waiting, why)
            return None
        if why := _problem_of(case, copy):
            status_updates.give_up_copies(case.due, [copy], why)
            return None
        copy.status, copy.sent_at, copy.claimed_at = State.SENDING, case.now, timezone.now()
        copy.save(update_fields=["status", "sent_at", "claimed_at"])
        return copy.as_message(case.due[0])


def _lock(copy_id: uuid.UUID, *, wait: bool, account: Account | None) -> Case | None:
    """Lock the debtor, its open invoices and those of the message, and the rows of the message, in this order."""
    messages = Copy.objects.filter(pk=copy_id, status=State.SCHEDULED).values("message_id")
    rows = Communication.objects.filter(message_id__in=messages, has_copies=True)
    locked_debtor = Debtor.objects.select_for_update(no_key=True, of=("self",), skip_locked=not wait)
    debtor = locked_debtor.select_related("account__collection").filter(pk__in=rows.order_by().values("debtor_id"))
    if (found := debtor.first()) is None:
        return None
    account = found.account = account or found.account
    theirs = Q(debtor=found, status__in=OPEN) | Q(pk__in=rows.order_by().values("invoice_id"))
    locked = list(Invoice.objects.select_for_update(no_key=True).filter(theirs).order_by("id"))
    invoices = {invoice.pk: invoice for invoice in sorted(locked, key=ordering.in_order)}
    for invoice in invoices.values():
        invoice.account = account
        if invoice.debtor_id == found.pk:
            invoice.debtor = found
    due = list(rows.select_for_update(of=("self",)).order_by(*ordering.SEND_ORDER))
    for row in due:
        row.account, row.invoice = account, invoices[row.invoice_id]
    return Case(account, found, invoices, due, ladder.rules_of(account), account.now()) if due else None


def _change(case: Case) -> str:
    """Return the reason why no copy of the message may be sent any more, a key of `reasons.LABELS`."""
    account, rules, first = case.account, case.rules, case.due[0]
    if account.suspended_at is not None:
        return "suspended"
    if rules.is_stopped or first.channel in rules.stopped_channels:
        return "stopped"
    if first.kind != Kind.THANK_YOU and safeguards.is_stale(rules, case.now):
        return "stale"
    if case.debtor.opted_out_at is not None:
        return "opted_out"
    facts = _facts_without_own_case(case)
    for row in case.due:
        invoice = row.invoice
        if row.status not in CONTACTED or invoice.debtor_id != case.debtor.pk:
            return "changed"
        if row.kind == Kind.THANK_YOU:
            if invoice.status != Status.PAID:
                return "not_paid"
        elif not invoice.is_open or invoice.balance <= 0:
            return "paid" if invoice.balance <= 0 else "closed"
        elif row.kind == Kind.PROMISE_FOLLOWUP and not one_off.is_promised(invoice):
            return "no_promise"
        invoice = next((each for each in facts.open_invoices if each.pk == invoice.pk), invoice)
        if hold := holding.hold_of(facts, invoice, row, case.now):
            return hold.reason
    return "" if case.facts.place(first.invoice).next_opening(case.now) == case.now else "window"


def _facts_without_own_case(case: Case) -> Facts:
    """Return the facts without the level 2 cases that steps of this message have opened.

    The step is done when the first copy is accepted. The other recipients get the same message.
    """
    own = Escalation.objects.filter(
        invoice__in=[row.invoice_id for row in case.due if row.step is not None],
        level=escalations.MAX_LEVEL,
        reason=Reason.POLICY_STEP,
        opened_at__gte=case.due[0].sent_at,
    )
    opened = set(own.exclude(status=CaseStatus.RESOLVED).values_list("invoice", flat=True))
    if not opened:
        return case.facts
    invoices = [copying.copy(each) for each in case.facts.open_invoices]
    for invoice in invoices:
        if invoice.pk in opened:
            invoice.escalation_level = escalations.MAX_LEVEL - 1
    return Facts(case.account, case.debtor, case.rules, invoices, now=case.now)


def _problem_of(case: Case, copy: Copy) -> str:
    """Return the reason why this copy may not be sent: its address, or a text or document that would differ now."""
    for row in case.due:
        if copy.recipient not in {recipient.address for recipient in case.recipients(row)}:
            return "no_recipient"
    first, credit = case.due[0], case.facts.credit(case.due[0].invoice)
    invoices = listing.listed(case.account, first, case.invoices.values())
    message = gate.render(case, [_unwritten(row) for row in case.due], invoices, credit, copy.language, copy)
    is_same = message.subject == copy.subject and _without_links(message.text) == _without_links(copy.body)
    has_same_documents = list(message.attachments) == first.attachments
    return "" if is_same and has_same_documents else "changed"


def _unwritten(row: Communication) -> Communication:
    """Return a message as it was before the gate wrote its text."""
    row = copying.copy(row)
    row.subject, row.body = row.own_subject, row.own_body
    return row


def _without_links(text: str) -> str:
    """Return a text without its links, which contain the time."""
    return masking.mask_links(text)
