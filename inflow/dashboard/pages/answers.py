"""The dashboard's pages of what debtors said: the inbox of answers, the contacts, and the consent log."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from communications.contacts import consent
from communications.models import Answer, AnswerKind, AnswerStatus, ConsentEntry, Contact, Medium, Source
from communications.portal import answers, links
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import DayField, PageForm
from inflow.dashboard.core.markup import badge, bdi, moment, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import OptionalReasonForm, PaymentForm, ReasonForm, refusals_on
from inflow.dashboard.pages.invoices import DebtorAdmin
from inflow.languages import named
from invoices import money
from invoices.models import Debtor

STATUS_BADGES = {AnswerStatus.PROPOSED: "warning", AnswerStatus.CONFIRMED: "success"}


class ClaimedPaymentForm(PaymentForm):
    """As the debtor told it; the person looks at the bank's statement and corrects it."""

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
    amount: Decimal = form.cleaned_data["amount"]
    return _("A payment of %(amount)s is recorded.") % {"amount": money.display(amount, answer.invoice.currency)}


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
class AnswerAdmin(OwnRowsAdmin):
    """What debtors said on their page, and waits for a person."""

    list_display = ("about", "debtor_shown", "invoice_link", "day_shown", "status_shown", "said")
    list_filter = (("status", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    list_select_related = ("invoice", "debtor")
    # What waits for a person comes first.
    ordering = (Case(When(status=AnswerStatus.PROPOSED, then=0), default=1), "-said_at", "-id")
    search_fields = ("invoice__invoice_number", "debtor__name", "debtor__company", "reference")
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
        intro=_lazy("It is not so. Once none of the debtor's answers waits, messages go on."),
    )

    @display(description=_lazy("Says"), ordering="kind")
    def about(self, answer: Answer) -> str:
        return answer.get_kind_display()

    @display(description=_lazy("Debtor"), ordering="debtor__name")
    def debtor_shown(self, answer: Answer) -> str:
        return two_lines(answer.debtor.name, answer.debtor.company)

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, answer: Answer) -> str:
        url = reverse("admin:invoices_invoice_change", args=[answer.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, answer.invoice)

    @display(description=_lazy("Balance"))
    def balance_shown(self, answer: Answer) -> str:
        return bdi(money.display(answer.invoice.balance, answer.invoice.currency))

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


def _return(contact: Contact, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        consent.return_address(contact, actor, form.cleaned_data["reason"])
    return _("%(contact)s may be written to again.") % {"contact": contact}


class LeftFilter(DropdownFilter):
    title, parameter_name = _lazy("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("left", _("Opted out")), ("invalid", _("Bounced"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        names = {"left": "opted_out_at", "invalid": "invalid_at"}
        name = names.get(self.value() or "")
        return queryset.filter(**{f"{name}__isnull": False}) if name else queryset


@admin.register(Contact)
class ContactAdmin(OwnRowsAdmin):
    """The addresses of which something is known: that they bounce, or that nothing is wanted there."""

    ordering = ("address", "channel")
    list_display = ("address_shown", "channel", "state", "opted_out", "invalid_because")
    list_filter = (LeftFilter, ("channel", ChoicesDropdownFilter))
    search_fields = ("address",)
    fields = (
        ("address_shown", "channel"),
        "state",
        ("opted_out_at", "opted_in_at", "heard_at"),
        ("invalid_at", "invalid_because"),
    )
    readonly_fields = ("address_shown", "state")
    actions_detail = ("opt_in",)
    opt_in = row_action(
        _lazy("Write to it again"),
        _return,
        needs=Role.AGENT,
        icon="undo",
        form=ReasonForm,
        fits=lambda contact: contact.opted_out_at is not None,
        intro=_lazy("Only where its owner asked for it. Your reason stays in the consent log."),
    )

    @display(description=_lazy("Address"), ordering="address")
    def address_shown(self, contact: Contact) -> str:
        return bdi(contact.address)

    @display(description=_lazy("State"))
    def state(self, contact: Contact) -> str:
        if contact.opted_out_at:
            return badge(_("Opted out"), "warning")
        return badge(_("Bounced"), "danger") if contact.invalid_at else badge(_("Good"), "success")

    @display(description=_lazy("Opted out"), ordering="opted_out_at")
    def opted_out(self, contact: Contact) -> str:
        return moment(contact.opted_out_at)


@admin.register(ConsentEntry)
class ConsentEntryAdmin(OwnRowsAdmin):
    """Append-only: to be read."""

    list_display = ("when", "what_shown", "where", "debtor", "source", "actor_shown", "text_shown")
    list_filter = (
        ("what", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
    )
    linked_by = ("debtor__id__exact",)
    list_select_related = ("debtor",)
    search_fields = ("address", "text", "debtor__name")
    fields = ("at", "what", "where", "debtor", "source", "actor_shown", "text_shown")
    readonly_fields = ("where", "actor_shown", "text_shown")

    @display(description=_lazy("When"), ordering="at")
    def when(self, entry: ConsentEntry) -> str:
        return moment(entry.at)

    @display(description=_lazy("What"), ordering="what")
    def what_shown(self, entry: ConsentEntry) -> str:
        return badge(entry.get_what_display(), "warning" if entry.what == "opted_out" else "success")

    @display(description=_lazy("actor"))
    def actor_shown(self, entry: ConsentEntry) -> str:
        return bdi(named(entry.actor) if entry.actor in ("clock", "debtor") else entry.actor)

    @display(description=_lazy("text"))
    def text_shown(self, entry: ConsentEntry) -> str:
        return bdi(entry.text)

    @display(description=_lazy("Where"))
    def where(self, entry: ConsentEntry) -> SafeString:
        if not entry.channel:
            return bdi(_("All channels"))
        return two_lines(entry.address, entry.get_channel_display())


# --- What a person does with a debtor ----------------------------------------------------------------------------


def _leave(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    consent.leave(debtor, "", actor, Source.STAFF, form.cleaned_data["reason"])
    return _("Nothing is sent to %(debtor)s any more.") % {"debtor": debtor}


def _return_debtor(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        consent.return_debtor(debtor, actor, form.cleaned_data["reason"])
    return _("%(debtor)s may be written to again.") % {"debtor": debtor}


def _agree(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        consent.agree(debtor, Medium.WHATSAPP, actor, form.cleaned_data["reason"])
    return _("%(debtor)s may be written to by WhatsApp.") % {"debtor": debtor}


def _revoke(debtor: Debtor, actor: Actor, form: PageForm) -> str:
    links.revoke(debtor, actor)
    return _("The links that were sent to this debtor lead nowhere now. The next message has a new one.")


_ACTIONS = {
    "opt_out": row_action(
        _lazy("Stop writing"),
        _leave,
        needs=Role.AGENT,
        icon="notifications_off",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is None,
        intro=_lazy("The debtor asked not to be written to, on any channel. Your reason stays in the consent log."),
    ),
    "opt_in": row_action(
        _lazy("Write again"),
        _return_debtor,
        needs=Role.AGENT,
        icon="undo",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is not None,
        intro=_lazy("Only where the debtor asked for it. Your reason stays in the consent log."),
    ),
    "agree": row_action(
        _lazy("Record WhatsApp consent"),
        _agree,
        needs=Role.AGENT,
        icon="how_to_reg",
        form=ReasonForm,
        fits=lambda debtor: bool(debtor.phone) and debtor.opted_out_at is None,
        intro=_lazy(
            "WhatsApp asks that the debtor agreed to be written to. Say where and how they did; it stays in the log."
        ),
    ),
    "revoke_links": row_action(
        _lazy("Revoke page links"),
        _revoke,
        needs=Role.AGENT,
        icon="link_off",
        intro=_lazy("For a link that came into wrong hands. The next message carries a new one."),
        is_grave=True,
    ),
}
for _name, _action in _ACTIONS.items():
    setattr(DebtorAdmin, _name, _action)
DebtorAdmin.actions_detail = (*(DebtorAdmin.actions_detail or ()), *_ACTIONS)
