"""Functions of an invoice's row actions: each calls the verb of the domain and says what was done."""

import datetime as dt

from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.pages.cases import AssignForm
from inflow.dashboard.pages.forms import (
    CreditForm,
    DebtorCreditForm,
    DueDateForm,
    EscalateForm,
    HoldForm,
    NotesForm,
    PaymentForm,
    PromiseForm,
    ReasonForm,
    refusals_on,
)
from invoices import ledger, lifecycle, money
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.models import CaseStatus, Escalation, Invoice, Status
from invoices.writing import Refused


def record_payment(invoice: Invoice, actor: Actor, form: PaymentForm) -> str:
    with refusals_on(form):
        payment = lifecycle.record_payment(invoice.account, invoice.pk, actor, **form.cleaned_data)
    said = _("A payment of %(amount)s is recorded.") % {"amount": money.display(payment.amount, invoice.currency)}
    undo = reverse("admin:invoices_payment_void", args=[payment.pk])
    return format_html('{} <a class="undo" href="{}">{}</a>', said, undo, _("Undo"))


def apply_credit(invoice: Invoice, actor: Actor, form: CreditForm | DebtorCreditForm) -> str:
    amount, key = form.cleaned_data["amount"], form.cleaned_data["key"]
    with refusals_on(form):
        applied = ledger.apply_credit(invoice.account, invoice.pk, actor, key=key, amount=amount)
    said = {"amount": money.display(applied, invoice.currency), "invoice": invoice}
    return _("Credit of %(amount)s was applied to invoice %(invoice)s.") % said


def takes_credit(invoice: Invoice) -> bool:
    if not invoice.is_open and invoice.status != Status.WRITTEN_OFF:
        return False
    return invoice.currency in ledger.credit_for(invoice)


def dispute(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    said = _("Invoice %(invoice)s is disputed: nothing is sent until it is resumed.")
    return _to(Status.DISPUTED, invoice, actor, form, said)


def hold(invoice: Invoice, actor: Actor, form: HoldForm) -> str:
    until = form.cleaned_data["hold_until"]
    said = _("Invoice %(invoice)s is on hold until %(day)s.")
    return _to(Status.ON_HOLD, invoice, actor, form, said, hold_until=until)


def resume(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    return _to(Status.NEW, invoice, actor, form, _("Invoice %(invoice)s is chased again."))


def write_off(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        lifecycle.write_off(invoice.account, invoice.pk, actor, reason=form.cleaned_data["reason"])
    return _("Invoice %(invoice)s is written off.") % {"invoice": invoice}


def cancel(invoice: Invoice, actor: Actor, form: ReasonForm) -> str:
    return _to(Status.CANCELLED, invoice, actor, form, _("Invoice %(invoice)s is cancelled."))


def promise(invoice: Invoice, actor: Actor, form: PromiseForm) -> str:
    with refusals_on(form):
        promise = lifecycle.promise(invoice.account, invoice.pk, actor, **form.cleaned_data)
    day = date_format(promise.hold_until, "j F Y")
    return _("The promise is kept in mind: nothing is sent until %(day)s is over.") % {"day": day}


def escalate(invoice: Invoice, actor: Actor, form: EscalateForm) -> str:
    with refusals_on(form):
        cases.open_manually(invoice.account, invoice.pk, actor, notes=form.cleaned_data["notes"])
    return _("Invoice %(invoice)s is escalated.") % {"invoice": invoice}


def move_due_date(invoice: Invoice, actor: Actor, form: DueDateForm) -> str:
    with refusals_on(form):
        lifecycle.move_due_date(invoice.account, invoice.pk, actor, **form.cleaned_data)
    day = date_format(form.cleaned_data["due_date"], "j F Y")
    return _("Invoice %(invoice)s is due on %(day)s.") % {"invoice": invoice, "day": day}


def note(invoice: Invoice, actor: Actor, form: NotesForm) -> str:
    with refusals_on(form):
        lifecycle.change(invoice.account, invoice.pk, actor, notes=form.cleaned_data["notes"])
    return _("The notes are kept.")


def _to(
    status: Status,
    invoice: Invoice,
    actor: Actor,
    form: PageForm,
    said: str,
    *,
    hold_until: dt.date | None = None,
) -> str:
    reason = form.cleaned_data["reason"]
    with refusals_on(form):
        lifecycle.change(invoice.account, invoice.pk, actor, status=status, hold_until=hold_until, reason=reason)
    return said % {"invoice": invoice, "day": hold_until and date_format(hold_until, "j F Y")}


def assign(invoice: Invoice, actor: Actor, form: AssignForm) -> str:
    """Give the invoice's open cases to somebody; without any, one is opened for them."""
    member = form.cleaned_data["assignee"]
    unresolved = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED)
    with transaction.atomic(), refusals_on(form):
        if not unresolved.exists():
            if member is None:
                raise Refused("assignee", "required", _("No case is open: choose who gets the new one."))
            cases.open_manually(invoice.account, invoice.pk, actor)
        for case in unresolved:
            cases.change(invoice.account, case.pk, actor, CaseChange(assignee=member.email if member else ""))
    if member is None:
        return _("The case of invoice %(number)s is unassigned.") % {"number": invoice}
    return _("The case of invoice %(number)s is %(person)s’s.") % {"number": invoice, "person": member}
