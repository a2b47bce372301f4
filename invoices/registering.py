"""Registration of invoices."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from invoices.debtors.finding import Found, Wanted
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


# The ids of the invoices that have a number or external id, by field and value.
Taken = dict[tuple[str, str], uuid.UUID | None]


def create(account: Account, new: NewInvoice, actor: Actor) -> Invoice:
    """Register an invoice. Its status is `new` even after its due date, until the clock makes it overdue."""
    new = new._replace(invoice_number=canonical(new.invoice_number))
    issue_date = check_new(new, account.today())
    try:
        with account_scope(account):
            batch = Batch()
            invoice = _new_invoice(account, new, issue_date, debtor_in(debtors_of(account, [new]), new))
            _insert(account, [invoice], actor, batch)
            batch.flush()
            _finish(account, [(invoice, new)], actor)
    except IntegrityError as error:
        if refusal := duplicate(error, account, number=new.invoice_number, external_id=new.external_id):
            raise refusal from error
        raise
    return invoice


def create_many(
    account: Account, news: Sequence[NewInvoice], actor: Actor, *, found: Found | None = None
) -> list[Invoice | Refused]:
    """Register invoices in one transaction, by few statements. Return each invoice, or why it is refused.

    `found` are the debtors if the caller has them (see `debtors_of`).
    """
    news = [new._replace(invoice_number=canonical(new.invoice_number)) for new in news]
    try:
        return _create_many(account, news, actor, found)
    except IntegrityError:  # another request has taken a number meanwhile
        return [_created_or_refused(account, new, actor) for new in news]


def _create_many(
    account: Account, news: Sequence[NewInvoice], actor: Actor, found: Found | None
) -> list[Invoice | Refused]:
    results: list[Invoice | Refused] = []
    with account_scope(account):
        today, taken, batch = account.today(), _taken(account, news), Batch()
        if found is None:
            found = debtors_of(account, _first_valid(news, taken, today))
        made = []
        for new in news:
            try:
                issue_date = check_new(new, today)
                _check_taken(new, taken)
                if wanted(new) not in found:  # a row before it with the same number was refused
                    found |= debtors_of(account, [new])
                invoice = _new_invoice(account, new, issue_date, debtor_in(found, new))
            except Refused as refused:
                results.append(refused)
                continue
            taken |= dict.fromkeys(_unique(new), invoice.pk)
            made.append((invoice, new))
            results.append(invoice)
        if made:
            _insert(account, [invoice for invoice, _new in made], actor, batch)
            batch.flush()
            _finish(account, made, actor)
    return results


def debtors_of(account: Account, news: Iterable[NewInvoice]) -> Found:
    """Find or create the debtors of these invoices, in few statements. Some may be refused."""
    return finding.get_or_create_all(account, map(wanted, news))


def wanted(new: NewInvoice) -> Wanted:
    """Return what the invoice says of its debtor."""
    return Wanted.of(
        name=new.debtor_name,
        company=new.debtor_company,
        email=new.debtor_email,
        phone=new.debtor_phone,
        external_id=new.debtor_external_id,
    )


def debtor_in(found: Found, new: NewInvoice) -> Debtor:
    """Return the invoice's debtor. Raise `Refused` if it was refused."""
    debtor = found[wanted(new)]
    if isinstance(debtor, Refused):
        raise debtor
    return debtor


def _first_valid(news: Iterable[NewInvoice], taken: Taken, today: dt.date) -> Iterator[NewInvoice]:
    """Yield the valid ones without those whose number or external id is taken, also by one before them."""
    taken = {**taken}
    for new in news:
        try:
            check_new(new, today)
            _check_taken(new, taken)
        except Refused:
            continue
        taken |= dict.fromkeys(_unique(new))
        yield new


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


def _new_invoice(account: Account, new: NewInvoice, issue_date: dt.date, debtor: Debtor) -> Invoice:
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
    return invoice


def _insert(account: Account, invoices: Sequence[Invoice], actor: Actor, batch: Batch) -> None:
    """Add the invoices, the beginnings of their timelines and their schedules to the batch."""
    sent: Sequence[tuple[object, Any]] = signals.invoices_arriving.send(
        Invoice, account=account, invoices=invoices, batch=batch
    )
    for invoice in invoices:
        batch.insert(invoice)
        timeline.note(invoice, "created", actor, amount=(invoice.amount, invoice.currency), batch=batch)
        for _receiver, schedule in sent:
            schedule(invoice)


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


def _check_taken(new: NewInvoice, taken: Taken) -> None:
    """Raise `Refused` if another invoice has the number or the external id."""
    for field, value in _unique(new):
        if (field, value) in taken:
            raise _is_taken(field, value, taken[field, value])


def _unique(new: NewInvoice) -> list[tuple[str, str]]:
    values = [("invoice_number", new.invoice_number), ("external_id", new.external_id)]
    return [(field, value) for field, value in values if value]


def _taken(account: Account, news: Sequence[NewInvoice]) -> Taken:
    """Return the ids of the invoices that have these numbers and external ids already."""
    numbers = [new.invoice_number for new in news]
    external_ids = [new.external_id for new in news if new.external_id]
    invoices = Invoice.objects.for_account(account).filter(cancelled_at=None).order_by()
    taken: Taken = {}
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
