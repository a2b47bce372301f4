"""One-off messages: those that a user sends, and those about a promise or a payment.

They do not affect the reminder schedule, and each is sent alone, about one invoice.
"""

from communications.models import Communication, Kind
from invoices.models import CaseStatus, Escalation, Invoice, Promise, PromiseStatus, Status


def kinds_for(invoice: Invoice) -> list[Kind]:
    """Return the kinds of messages that fit the current status of the invoice."""
    if invoice.status == Status.PAID:
        return [Kind.THANK_YOU]
    if not invoice.is_open or invoice.balance <= 0:
        return []
    promised = [Kind.PROMISE_FOLLOWUP] if is_promised(invoice) else []
    return [Kind.MANUAL, *promised, Kind.STATEMENT]


def is_promised(invoice: Invoice) -> bool:
    """Return True if the invoice has an open promise for today or later."""
    waiting = Promise.objects.filter(invoice=invoice.pk, status=PromiseStatus.OPEN)
    return waiting.filter(promised_on__gte=invoice.account.today()).exists()


def is_by_person(row: Communication) -> bool:
    """Return True if a user sent the message, who can see the unhandled replies and open cases."""
    return row.step is None and row.approved_by != ""


def is_from_case_owner(row: Communication) -> bool:
    """Return True if the invoice is on hold only because of the case that the sender has acknowledged."""
    if not is_by_person(row):
        return False
    cases = Escalation.objects.filter(invoice=row.invoice_id, status=CaseStatus.ACKNOWLEDGED)
    promises = Promise.objects.filter(invoice=row.invoice_id, status=PromiseStatus.OPEN)
    return cases.exists() and not promises.exists()
