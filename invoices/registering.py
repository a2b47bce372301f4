"""Registration of invoices."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import IntegrityError
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import Batch, account_scope
from invoices import automatic_credit, receipts, signals, timeline
from invoices.debtors import debtors, finding, parties
from invoices.derivation import derive
from invoices.errors import Refused
from invoices.models import MAX_NUMBER, Debtor, Invoice, PaymentStatus
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
    debtor_external_id: str = ""
    purchase_order: str = ""
    payment_url: str = ""
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] | None = None
    # As in `Invoice.contacts`.
    contacts: Sequence[Mapping[str, Any]] = ()
    source_updated_at: dt.datetime | None = None


def create(account: Account, new: NewInvoice, actor: Actor) -> Invoice:
    """Register an invoice. Its status is `new` even after its due date, until the clock makes it overdue."""
    new = new._replace(invoice_number=canonical(new.invoice_number))
    issue_date = check_new(new, account.today())
    try:
        with account_scope(account):
            batch = Batch()
            invoice = _insert(account, new, issue_date, _debtor_of(account, new), actor, batch)
            batch.flush()
            _finish(account, [(invoice, new)], actor)
    except IntegrityError as error:
        if refusal := duplicate(error, account, number=new.invoice_number, external_id=new.external_id):
            raise refusal from error
        raise
    return invoice


def create_many(account: Account, news: Sequence[NewInvoice], actor: Actor) -> list[Invoice | Refused]:
    """Register invoices in one transaction, by few statements. Return each invoice, or why it is refused."""
    news = [new._replace(invoice_number=canonical(new.invoice_number)) for new in news]
    try:
        return _create_many(account, news, actor)
    except IntegrityError:  # another request has taken a number meanwhile
        return [_created_or_refused(account, new, actor) for new in news]


def _create_many(account: Account, news: Sequence[NewInvoice], actor: Actor) -> list[Invoice | Refused]:
    results: list[Invoice | Refused] = []
    with account_scope(account):
        today, batch, waiting = account.today(), Batch(), set[uuid.UUID]()
        taken, known = _taken(account, news), dict[Sequence[str], Debtor]()
        for new in news:
            try:
                issue_date = check_new(new, today)
                for field, value in _unique(new):
                    if (field, value) in taken:
                        raise _is_taken(field, value, taken[field, value])
                names = _names(new)
                debtor = known.get(names) or known.setdefault(names, _debtor_of(account, new))
            except Refused as refused:
                results.append(refused)
                continue
            if debtor.pk in waiting:  # its schedule depends on what is planned for the invoices before
                batch.flush()
                waiting.clear()
            invoice = _insert(account, new, issue_date, debtor, actor, batch)
            waiting.add(debtor.pk)
            taken |= dict.fromkeys(_unique(new), invoice.pk)
            results.append(invoice)
        batch.flush()
        made = [(row, new) for row, new in zip(results, news, strict=True) if isinstance(row, Invoice)]
        if made:
            _finish(account, made, actor)
    return results


def _created_or_refused(account: Account, new: NewInvoice, actor: Actor) -> Invoice | Refused:
    try:
        return create(account, new, actor)
    except Refused as refused:
        return refused


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


def _names(new: NewInvoice) -> tuple[str, ...]:
    return new.debtor_name, new.debtor_company, new.debtor_email, new.debtor_phone, new.debtor_external_id


def _debtor_of(account: Account, new: NewInvoice) -> Debtor:
    name, company, email, phone, external_id = _names(new)
    return finding.get_or_create(account, name=name, company=company, email=email, phone=phone, external_id=external_id)


def _insert(
    account: Account, new: NewInvoice, issue_date: dt.date, debtor: Debtor, actor: Actor, batch: Batch
) -> Invoice:
    """Add the invoice, the beginning of its timeline and its schedule to the batch."""
    now = dt.datetime.now(dt.UTC)
    invoice = Invoice(
        account=account,
        debtor=debtor,
        invoice_number=new.invoice_number,
        debtor_name=new.debtor_name,
        debtor_company=new.debtor_company,
        debtor_email=debtors.normalise_email(new.debtor_email),
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
        entered_on=account.today(),
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
    return invoice


def _finish(account: Account, made: Sequence[tuple[Invoice, NewInvoice]], actor: Actor) -> None:
    """Post the opening payments of inserted invoices, announce them, and apply the debtors' credit."""
    today = account.today()
    for invoice, new in made:
        if new.amount_paid:
            paid_at = min(invoice.issue_date, today)
            receipts.receive(invoice, new.amount_paid, invoice.amount_paid, paid_at=paid_at, method=receipts.OPENING)
    signals.invoices_created.send(Invoice, invoices=[invoice for invoice, _new in made], actor=actor)
    if not automatic_credit.is_on(account):
        return
    theirs: dict[uuid.UUID, list[Invoice]] = {}
    for invoice, _new in made:
        theirs.setdefault(invoice.debtor_id, []).append(invoice)
    for _debtor_id, invoices in sorted(theirs.items()):
        debtor = invoices[0].debtor
        if automatic_credit.apply(account, debtor, actor):
            for invoice in invoices:
                invoice.refresh_from_db()
                invoice.account, invoice.debtor = account, debtor


def _unique(new: NewInvoice) -> list[tuple[str, str]]:
    values = [("invoice_number", new.invoice_number), ("external_id", new.external_id)]
    return [(field, value) for field, value in values if value]


def _taken(account: Account, news: Sequence[NewInvoice]) -> dict[tuple[str, str], uuid.UUID]:
    """Return the ids of the invoices that have these numbers and external ids already."""
    numbers = [new.invoice_number for new in news]
    external_ids = [new.external_id for new in news if new.external_id]
    invoices = Invoice.objects.for_account(account).filter(cancelled_at=None).order_by()
    taken: dict[tuple[str, str], uuid.UUID] = {}
    for field, values in (("invoice_number", numbers), ("external_id", external_ids)):
        if values:
            rows = invoices.filter(**{f"{field}__in": values}).values_list(field, "pk")
            taken |= {(field, value): pk for value, pk in rows}
    return taken


def duplicate(error: IntegrityError, account: Account, *, number: str, external_id: str) -> Refused | None:
    """Return the refusal for a number or external id that another invoice has, or None for any other error."""
    values = {"invoice_number": number, "external_id": external_id}
    field = next((name for name in values if f"invoice_{name.removeprefix('invoice_')}_is_unique" in str(error)), "")
    if not field:
        return None
    same = Invoice.objects.for_account(account).filter(cancelled_at=None, **{field: values[field]})
    return _is_taken(field, values[field], same.values_list("pk", flat=True).first())


def _is_taken(field: str, value: str, existing: uuid.UUID | None) -> Refused:
    if field == "invoice_number":
        message = _("Invoice number %(number)s is already used by invoice %(existing)s.")
    else:
        message = _("The external id %(number)s is already used by invoice %(existing)s.")
    return Refused(field, "duplicate", message % {"number": value, "existing": existing})
