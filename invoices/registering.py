"""Registration of invoices."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import IntegrityError
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import Batch, account_scope
from invoices import receipts, signals, timeline
from invoices.debtors import debtors, parties
from invoices.derivation import derive
from invoices.errors import Refused
from invoices.models import MAX_NUMBER, Invoice, PaymentStatus
from invoices.writing import check_money


class NewInvoice(NamedTuple):
    """Values of a new invoice. Emails and phones are normalised; None means the default."""

    invoice_number: str
    debtor_name: str
    amount: Decimal
    currency: str
    due_date: dt.date
    issue_date: dt.date | None = None
    debtor_company: str = ""
    debtor_email: str = ""
    debtor_phone: str = ""
    language: str | None = None
    notes: str = ""
    amount_paid: Decimal = Decimal(0)
    external_id: str = ""
    purchase_order: str = ""
    payment_url: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] | None = None
    # As in `Invoice.contacts`.
    contacts: Sequence[Mapping[str, Any]] = ()
    source_updated_at: dt.datetime | None = None


def create(account: Account, new: NewInvoice, actor: Actor) -> Invoice:
    """Register an invoice. Its status is `new` even after its due date, until the clock makes it overdue."""
    today = account.today()
    new = new._replace(invoice_number=canonical(new.invoice_number))
    issue_date = check_new(new, today)
    try:
        return _create(account, new, actor, today, issue_date)
    except IntegrityError as error:
        if refusal := duplicate(error, account, number=new.invoice_number, external_id=new.external_id):
            raise refusal from error
        raise


def check_new(new: NewInvoice, today: dt.date) -> dt.date:
    """Validate a new invoice and return its issue date. Raise `Refused` if it is invalid."""
    number = canonical(new.invoice_number)
    if not number:
        raise Refused("invoice_number", "blank", _("invoice_number must contain a letter or digit."))
    if len(number) > MAX_NUMBER:
        raise Refused("invoice_number", "max_length", _("invoice_number must have at most %d characters.") % MAX_NUMBER)
    check_money("amount", new.amount, new.currency)
    issue_date = new.issue_date or min(today, new.due_date)
    if new.due_date < issue_date:
        raise Refused("due_date", "before_issue_date", _("due_date must not be before issue_date."))
    if new.amount_paid:
        check_money("amount_paid", new.amount_paid, new.currency)
    return issue_date


def _create(account: Account, new: NewInvoice, actor: Actor, today: dt.date, issue_date: dt.date) -> Invoice:
    now = dt.datetime.now(dt.UTC)
    batch = Batch()
    with account_scope(account):
        debtor = debtors.get_or_create(
            account,
            name=new.debtor_name,
            company=new.debtor_company,
            email=new.debtor_email,
            phone=new.debtor_phone,
        )
        email = debtors.normalise_email(new.debtor_email)
        invoice = Invoice(
            account=account,
            debtor=debtor,
            invoice_number=new.invoice_number,
            debtor_name=new.debtor_name,
            debtor_company=new.debtor_company,
            debtor_email=email,
            debtor_phone=new.debtor_phone,
            party=parties.of(new.debtor_name, new.debtor_company).key,
            amount=new.amount,
            currency=new.currency,
            issue_date=issue_date,
            due_date=new.due_date,
            language=new.language or debtor.language or account.language,
            notes=new.notes,
            external_id=new.external_id,
            purchase_order=new.purchase_order,
            payment_url=new.payment_url,
            tags=[*new.tags],
            metadata={**(new.metadata or {})},
            contacts=[*new.contacts],
            source_updated_at=new.source_updated_at,
            amount_paid=min(new.amount_paid, new.amount),
            entered_on=today,
            entered_at=account.now(),
            created_at=now,
            updated_at=now,
        )
        invoice.status, invoice.payment_status = derive(invoice)
        if invoice.payment_status == PaymentStatus.PAID:
            invoice.covered_at = account.now()
        batch.insert(invoice)
        timeline.note(invoice, "created", actor, amount=(new.amount, new.currency), batch=batch)
        signals.facts_changed.send(Invoice, invoice=invoice, actor=actor, batch=batch, is_new=True)
        batch.flush()
        if new.amount_paid:
            receipts.receive(
                invoice,
                new.amount_paid,
                invoice.amount_paid,
                paid_at=min(issue_date, today),
                method=receipts.OPENING,
            )
        signals.invoice_created.send(Invoice, invoice=invoice, actor=actor)
    return invoice


def duplicate(error: IntegrityError, account: Account, *, number: str, external_id: str) -> Refused | None:
    """Return the refusal for a number or external id that another invoice has, or None for any other error."""
    if "invoice_number_is_unique" in str(error):
        field, used, message = "invoice_number", number, _("Invoice number %(used)s is already used by invoice %(pk)s.")
        same = Invoice.objects.filter(invoice_number=number)
    elif "invoice_external_id_is_unique" in str(error):
        field, used, message = "external_id", external_id, _("external_id %(used)s is already used by invoice %(pk)s.")
        same = Invoice.objects.filter(external_id=external_id)
    else:
        return None
    existing = same.filter(account=account, cancelled_at=None).values_list("pk", flat=True).first()
    return Refused(field, "duplicate", message % {"used": used, "pk": existing})
