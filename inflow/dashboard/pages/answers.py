"""Answers that debtors gave on their page."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, When
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from communications.models import Answer, AnswerKind, AnswerStatus
from communications.portal import answers
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import DayField, PageForm
from inflow.dashboard.core.markup import amount, badge, moment, two_lines
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import OptionalReasonForm, PaymentForm, ReasonForm, refusals_on
from invoices import money

STATUS_BADGES = {AnswerStatus.PROPOSED: "warning", AnswerStatus.CONFIRMED: "success"}


class ClaimedPaymentForm(PaymentForm):
    """A payment as the debtor reported it. The person compares it with the bank account and corrects it."""

    def __init__(self, *args: Any, row: Answer, **kwargs: Any) -> None:
        super().__init__(*args, row=row.invoice, **kwargs)
        self.fields["paid_at"].initial = row.day
        self.fields["reference"].initial = row.reference


class ClaimedPromiseForm(PageForm):
    promised_on = DayField(label=_lazy("Day by which it is paid"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["promised_on"].initial = self.row.day


def _confirm_paid(answer: Answer, actor: Actor, form: ClaimedPaymentForm) -> str:
    with refusals_on(form):
        answers.confirm_paid(answer, actor, **form.cleaned_data)
    paid = money.display(form.cleaned_data["amount"], answer.invoice.currency)
    return _("A payment of %(amount)s is recorded.") % {"amount": paid}


def _confirm_promise(answer: Answer, actor: Actor, form: ClaimedPromiseForm) -> str:
    with refusals_on(form):
        answers.confirm_promise(answer, actor, promised_on=form.cleaned_data["promised_on"])
    return _("Invoice %(invoice)s waits for the payment.") % {"invoice": answer.invoice}


def _confirm_dispute(answer: Answer, actor: Actor, form: OptionalReasonForm) -> str:
    with refusals_on(form):
        answers.confirm_dispute(answer, actor, reason=form.cleaned_data["reason"])
    return _("Handled. Invoice %(invoice)s stays disputed until it is resumed.") % {"invoice": answer.invoice}


def _dismiss(answer: Answer, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        answers.dismiss(answer, actor, reason=form.cleaned_data["reason"])
    return _("The answer is dismissed.")


def _waits(kind: AnswerKind) -> Any:
    return lambda answer: answer.status == AnswerStatus.PROPOSED and answer.kind == kind


@admin.register(Answer)
class AnswerAdmin(AboutInvoice):
    """Answers that wait for a person, and those that were handled."""

    list_display = ("about", "debtor_shown", "invoice_link", "day_shown", "status_shown", "said")
    list_filter = (("status", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    list_select_related = ("invoice", "debtor")
    # Answers that wait for a person come first.
    ordering = (Case(When(status=AnswerStatus.PROPOSED, then=0), default=1), "-said_at", "-id")
    search_fields = ("invoice__invoice_number", "debtor__name", "debtor__company", "reference")
    export_columns = (
        *("said_at", "kind", "status", ("debtor", "debtor__name"), NUMBER, "day", "reference", "text"),
        *("handled_at", "handled_by", "handled_because", "id"),
    )
    search_help_text = _lazy("Invoice number, debtor or reference")
    fields = (
        ("about", "status_shown"),
        ("debtor_shown", "said_at"),
        ("invoice_link", "balance_shown"),
        ("day_shown", "reference"),
        "text",
        ("handled_at", "handled_by"),
        "why",
    )
    readonly_fields = ("about", "status_shown", "debtor_shown", "invoice_link", "day_shown", "balance_shown", "why")
    actions_detail = ("confirm_paid", "confirm_promise", "confirm_dispute", "dismiss")
    confirm_paid = row_action(
        _lazy("Confirm the payment"),
        _confirm_paid,
        needs=Role.AGENT,
        icon="payments",
        form=ClaimedPaymentForm,
        fits=_waits(AnswerKind.PAID),
        intro=_lazy("Only where the money has come: it is posted to the ledger, which is append-only."),
        is_primary=True,
    )
    confirm_promise = row_action(
        _lazy("Accept the promise"),
        _confirm_promise,
        needs=Role.AGENT,
        icon="event_available",
        form=ClaimedPromiseForm,
        fits=_waits(AnswerKind.PROMISE),
        intro=_lazy("The invoice is on hold until the second working day after it."),
        is_primary=True,
    )
    confirm_dispute = row_action(
        _lazy("Mark as handled"),
        _confirm_dispute,
        needs=Role.AGENT,
        icon="task_alt",
        form=OptionalReasonForm,
        fits=_waits(AnswerKind.DISPUTE),
        intro=_lazy("The invoice stays disputed until somebody resumes it."),
        is_primary=True,
    )
    dismiss = row_action(
        _lazy("Dismiss"),
        _dismiss,
        needs=Role.AGENT,
        icon="close",
        form=ReasonForm,
        fits=lambda answer: answer.status == AnswerStatus.PROPOSED,
        intro=_lazy("The claim is not correct. Messages continue once all of the debtor's answers are handled."),
    )

    @display(description=_lazy("Says"), ordering="kind")
    def about(self, answer: Answer) -> str:
        return answer.get_kind_display()

    @display(description=_lazy("Debtor"), ordering="debtor__name")
    def debtor_shown(self, answer: Answer) -> str:
        return two_lines(answer.debtor.name, answer.debtor.company)

    @display(description=_lazy("Balance"))
    def balance_shown(self, answer: Answer) -> str:
        return amount(answer.invoice.balance, answer.invoice.currency)

    @display(description=_lazy("Day"), ordering="day")
    def day_shown(self, answer: Answer) -> str:
        return date_format(answer.day) if answer.day else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, answer: Answer) -> str:
        status = AnswerStatus(answer.status)
        return badge(status.label, STATUS_BADGES.get(status, ""))

    @display(description=_lazy("Why"))
    def why(self, answer: Answer) -> str:
        return answer.handled_because or "–"

    @display(description=_lazy("Said"), ordering="said_at")
    def said(self, answer: Answer) -> str:
        return moment(answer.said_at)
