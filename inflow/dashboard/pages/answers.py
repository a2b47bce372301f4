"""Responses that debtors gave on the debtor page."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, When
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.models import Answer, AnswerKind, AnswerStatus
from communications.portal import answers
from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import DayField, PageForm
from inflow.dashboard.core.markup import badge, moment_column, text_column
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import OptionalReasonForm, PaymentForm, ReasonForm
from invoices import money

STATUS_BADGES = {AnswerStatus.PROPOSED: "warning", AnswerStatus.CONFIRMED: "success"}


class ClaimedPaymentForm(PaymentForm):
    """A payment as the debtor reported it, for a person to compare with the bank account and to correct."""

    def __init__(self, *args: Any, row: Answer, **kwargs: Any) -> None:
        super().__init__(*args, row=row.invoice, **kwargs)
        self.fields["paid_at"].initial = row.day
        self.fields["reference"].initial = row.reference


class ClaimedPromiseForm(PageForm):
    promised_on = DayField(label=_lazy("Promised payment date"))

    def prepare(self) -> None:
        self.fields["promised_on"].initial = self.row.day


def _is_pending(kind: AnswerKind) -> Any:
    return lambda answer: answer.status == AnswerStatus.PROPOSED and answer.kind == kind


@admin.register(Answer)
class AnswerAdmin(AboutInvoice):
    """Responses that need attention, and those that were handled."""

    list_display = ("about", "debtor_shown", "invoice_link", "day_shown", "status_shown", "received")
    list_filter = choices("status", "kind")
    list_select_related = ("invoice", "debtor")
    # Responses that need attention come first.
    ordering = (Case(When(status=AnswerStatus.PROPOSED, then=0), default=1), "-said_at", "-id")
    search_fields = ("invoice__invoice_number", "debtor__name", "debtor__company", "reference")
    export_columns = (
        *("said_at", "kind", "status", ("debtor", "debtor__name"), NUMBER, "day", "reference", "text"),
        *("handled_at", "handled_by", "handled_because", "id"),
    )
    search_help_text = _lazy("Invoice number, debtor or reference")
    fields = (
        ("about", "status_shown"),
        ("debtor_shown", "received"),
        ("invoice_link", "balance_shown"),
        ("day_shown", "reference"),
        "text",
        ("handled_at", "handled_by"),
        "why",
    )
    readonly_fields = (
        *("about", "status_shown", "debtor_shown", "received", "invoice_link", "day_shown", "balance_shown", "why"),
    )
    actions_detail = ("confirm_paid", "confirm_promise", "confirm_dispute", "dismiss")

    @row_action(
        _lazy("Confirm payment"),
        icon="payments",
        form=ClaimedPaymentForm,
        fits=_is_pending(AnswerKind.PAID),
        intro=_lazy("Only if the money has arrived. Payments can't be edited later."),
        is_primary=True,
    )
    def confirm_paid(self, answer: Answer, actor: Actor, form: ClaimedPaymentForm) -> str:
        answers.confirm_paid(answer, actor, **form.cleaned_data)
        paid = money.display(form.cleaned_data["amount"], answer.invoice.currency)
        return _("A payment of %(amount)s was recorded.") % {"amount": paid}

    @row_action(
        _lazy("Accept promise"),
        icon="event_available",
        form=ClaimedPromiseForm,
        fits=_is_pending(AnswerKind.PROMISE),
        intro=_lazy("Reminders are paused until the second working day after the promised date."),
        is_primary=True,
    )
    def confirm_promise(self, answer: Answer, actor: Actor, form: ClaimedPromiseForm) -> str:
        answers.confirm_promise(answer, actor, promised_on=form.cleaned_data["promised_on"])
        return _("Promise recorded. Reminders for invoice %(invoice)s are paused.") % {"invoice": answer.invoice}

    @row_action(
        _lazy("Mark as handled"),
        icon="task_alt",
        form=OptionalReasonForm,
        fits=_is_pending(AnswerKind.DISPUTE),
        intro=_lazy("The invoice stays disputed until the dispute is resolved on its page."),
        is_primary=True,
    )
    def confirm_dispute(self, answer: Answer, actor: Actor, form: OptionalReasonForm) -> str:
        answers.confirm_dispute(answer, actor, reason=form.cleaned_data["reason"])
        text = _("Handled. Invoice %(invoice)s stays disputed until the dispute is resolved.")
        return text % {"invoice": answer.invoice}

    @row_action(
        _lazy("Dismiss"),
        icon="close",
        form=ReasonForm,
        fits=lambda answer: answer.status == AnswerStatus.PROPOSED,
        intro=_lazy(
            "For a response that is not correct. Messages resume when all responses of the debtor have been handled."
        ),
    )
    def dismiss(self, answer: Answer, actor: Actor, form: ReasonForm) -> str:
        answers.dismiss(answer, actor, reason=form.cleaned_data["reason"])
        return _("The response is dismissed.")

    @display(description=_lazy("Response"), ordering="kind")
    def about(self, answer: Answer) -> str:
        return answer.get_kind_display()

    debtor_shown = text_column(_lazy("Debtor"), "debtor__name", "debtor__company")

    @display(description=_lazy("Date"), ordering="day")
    def day_shown(self, answer: Answer) -> str:
        return date_format(answer.day) if answer.day else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, answer: Answer) -> str:
        status = AnswerStatus(answer.status)
        return badge(status.label, STATUS_BADGES.get(status, ""))

    @display(description=_lazy("Reason"))
    def why(self, answer: Answer) -> str:
        return answer.handled_because or "–"

    received = moment_column(_lazy("Received"), "said_at")
