"""Messages that are no step of a ladder: those a person sends, and those for a promise or a payment. They stand apart:
the ladder neither counts nor moves for them, and each goes alone, about one invoice."""

from communications.models import Communication, Kind
from invoices.models import CaseStatus, Escalation, Invoice, Promise, PromiseStatus, Status


def kinds_for(invoice: Invoice) -> list[Kind]:
    """What may be said of the invoice as it is."""
    if invoice.status == Status.PAID:
        return [Kind.THANK_YOU]
    if not invoice.is_open or invoice.balance <= 0:
        return []
    return [Kind.MANUAL, Kind.PROMISE_FOLLOWUP] if is_promised(invoice) else [Kind.MANUAL]


def is_promised(invoice: Invoice) -> bool:
    """Whether there is a day to remind the debtor of."""
    waiting = Promise.objects.filter(invoice=invoice.pk, status=PromiseStatus.OPEN)
    return waiting.filter(promised_on__gte=invoice.account.today()).exists()


def is_by_person(row: Communication) -> bool:
    """Whether somebody sent it who has seen the answers and the cases that wait for a person."""
    return row.step is None and row.approved_by != ""


def is_from_case_owner(row: Communication) -> bool:
    """Whether the hold is that of the case on which the sender works: it stops the ladder, for their sake."""
    cases = Escalation.objects.filter(invoice=row.invoice_id, status=CaseStatus.ACKNOWLEDGED)
    promises = Promise.objects.filter(invoice=row.invoice_id, status=PromiseStatus.OPEN)
    return is_by_person(row) and cases.exists() and not promises.exists()
