"""The inbox: what debtors answered, what the rules make of it, and what a person does about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from communications.inbound import replies, texts
from communications.models import Reply, ReplyStatus, Triage
from inflow import masking
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import DayField, PageForm
from inflow.dashboard.core.markup import badge, bdi, moment
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import NUMBER
from inflow.dashboard.pages.forms import OnceForm, ReasonForm
from invoices import lifecycle, money
from invoices.models import Invoice
from invoices.writing import Refused

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

STATUS_BADGES = {ReplyStatus.PROPOSED: "warning", ReplyStatus.CONFIRMED: "success"}
TRIAGE_BADGES = {
    Triage.STOP: "danger",
    Triage.PAID: "success",
    Triage.PROMISE: "info",
    Triage.DISPUTE: "warning",
    Triage.WRONG_PERSON: "warning",
}


# So much of a long mail is shown on its page.
_SHOWN = 20_000


def _named(invoice: Invoice) -> str:
    return _("%(invoice)s, %(balance)s, due %(day)s") % {
        "invoice": invoice.invoice_number,
        "balance": money.display(invoice.balance, invoice.currency),
        "day": date_format(invoice.due_date),
    }


class InvoicesForm(PageForm):
    """About which of the debtor's open invoices. The one that was written about is chosen."""

    invoices = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["invoices"]
        assert isinstance(field, forms.MultipleChoiceField)
        found = list(replies.open_invoices(self.row))
        field.choices = [(str(invoice.pk), _named(invoice)) for invoice in found]
        about = {invoice.pk for invoice in found} & {self.row.invoice_id}
        field.initial = [str(pk) for pk in about or {invoice.pk for invoice in found[:1]}]


class PromiseForm(InvoicesForm):
    promised_on = DayField(label=_lazy("Day of the payment"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["promised_on"].initial = self.row.promised_on


class DisputeForm(InvoicesForm):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=1000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].initial = self.row.text[:1000]


class HoldForm(InvoicesForm):
    hold_until = DayField(help_text=_lazy("Reminders continue on the day after."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hold_until"].initial = self.row.account.today() + lifecycle.DEFAULT_HOLD


class PaidForm(OnceForm):
    invoice = forms.ChoiceField()
    amount = forms.DecimalField(max_digits=15, decimal_places=3)
    paid_at = DayField(label=_lazy("Day the money came"))
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("The bank's or the cheque's number."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["invoice"]
        assert isinstance(field, forms.ChoiceField)
        found = list(replies.open_invoices(self.row))
        field.choices = [(str(invoice.pk), _named(invoice)) for invoice in found]
        about = next((invoice for invoice in found if invoice.pk == self.row.invoice_id), found[0] if found else None)
        if about:
            field.initial = str(about.pk)
            amount = about.balance if self.row.amount is None else self.row.amount
            self.fields["amount"].initial = f"{amount:.{money.EXPONENTS.get(about.currency, 2)}f}"
        self.fields["paid_at"].initial = self.row.paid_on or self.row.account.today()
        self.fields["reference"].initial = self.row.reference


@contextmanager
def _refusals_on(form: PageForm) -> Iterator[None]:
    """What the domain refuses is said on the form."""
    try:
        yield
    except Refused as refusal:
        message = refusal.message
        raise ValidationError({refusal.field: message} if refusal.field in form.fields else message) from refusal


def _paid(reply: Reply, actor: Actor, form: PaidForm) -> str:
    data = form.cleaned_data
    with _refusals_on(form):
        replies.confirm_paid(
            reply,
            actor,
            data["invoice"],
            amount=data["amount"],
            paid_at=data["paid_at"],
            reference=data["reference"],
            key=data["key"],
        )
    return _("The payment is recorded.")


def _promise(reply: Reply, actor: Actor, form: PromiseForm) -> str:
    with _refusals_on(form):
        replies.confirm_promise(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["promised_on"])
    return _("Promise recorded. Reminders are paused until it is due.")


def _dispute(reply: Reply, actor: Actor, form: DisputeForm) -> str:
    with _refusals_on(form):
        replies.confirm_dispute(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["reason"])
    return _("Nothing is sent about what is disputed until it is resumed.")


def _hold(reply: Reply, actor: Actor, form: HoldForm) -> str:
    with _refusals_on(form):
        replies.confirm_hold(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["hold_until"])
    return _("It is on hold.")


def _wrong_person(reply: Reply, actor: Actor, form: PageForm) -> str:
    with _refusals_on(form):
        replies.confirm_wrong_person(reply, actor)
    return _("Nothing is sent to %(address)s any more.") % {"address": reply.address}


def _stop(reply: Reply, actor: Actor, form: PageForm) -> str:
    with _refusals_on(form):
        replies.confirm_stop(reply, actor)
    return _("Nothing is sent to %(address)s any more.") % {"address": replies.stopped_address(reply)}


def _undo_stop(reply: Reply, actor: Actor, form: ReasonForm) -> str:
    with _refusals_on(form):
        replies.undo_stop(reply, actor, form.cleaned_data["reason"])
    return _("%(contact)s may be written to again.") % {"contact": replies.stopped_address(reply)}


def _dismiss(reply: Reply, actor: Actor, form: PageForm) -> str:
    with _refusals_on(form):
        replies.dismiss(reply, actor)
    return _("Done. Messages go on.")


def _is_proposed(reply: Reply) -> bool:
    return reply.status == ReplyStatus.PROPOSED


def _may_undo_stop(reply: Reply) -> bool:
    return reply.triage == Triage.STOP and reply.status == ReplyStatus.CONFIRMED and replies.is_stopped(reply)


def _has_debtor(reply: Reply) -> bool:
    return _is_proposed(reply) and reply.debtor_id is not None


def _action(
    title: "StrOrPromise", do: Callable[[Any, Actor, Any], str], icon: str, intro: "StrOrPromise", **more: Any
) -> Any:
    return row_action(title, do, needs=Role.AGENT, icon=icon, intro=intro, **{"fits": _has_debtor, **more})


@admin.register(Reply)
class ReplyAdmin(OwnRowsAdmin):
    list_display = ("text_shown", "debtor_link", "triage_shown", "status_shown", "channel", "received")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("triage", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("took_effect", BooleanRadioFilter),
    )
    list_select_related = ("debtor", "invoice")
    search_fields = ("address", "text", "debtor__name", "debtor__company")
    export_columns = (
        *("received_at", "channel", "address", "text", "triage", "promised_on", "status", ("debtor", "debtor__name")),
        *(NUMBER, "handled_by", "handled_at", "id"),
    )
    search_help_text = _lazy("Text, number, email or debtor")
    fields = (
        "automatic_shown",
        "text_whole",
        ("triage_shown", "asks_to_stop"),
        ("promised_on", "paid_on"),
        ("amount", "reference"),
        ("debtor_link", "invoice_link"),
        ("channel", "address_shown"),
        ("received_at", "status_shown"),
        ("handled_shown", "handled_at"),
        "original_shown",
    )
    readonly_fields = (
        *("automatic_shown", "text_whole", "triage_shown", "asks_to_stop", "promised_on", "paid_on", "amount"),
        *("reference", "debtor_link", "invoice_link", "channel", "address_shown", "received_at", "status_shown"),
        *("handled_shown", "handled_at", "original_shown"),
    )
    actions_detail = (
        "paid",
        "promise",
        "dispute",
        "dismiss",
        "undo_stop",
        {"title": _lazy("More"), "items": ["hold", "wrong_person", "stop"]},
    )
    paid = _action(
        _lazy("Record the payment"),
        _paid,
        "payments",
        _lazy("For money that has arrived. It is recorded in the ledger."),
        form=PaidForm,
    )
    promise = _action(
        _lazy("Record the promise"),
        _promise,
        "event_available",
        _lazy("Reminders are paused until it is due."),
        form=PromiseForm,
    )
    dispute = _action(
        _lazy("Mark as disputed"), _dispute, "gavel", _lazy("Nothing is sent until it is resumed."), form=DisputeForm
    )
    hold = _action(
        _lazy("Put on hold"),
        _hold,
        "pause_circle",
        _lazy("Nothing is sent while an invoice is on hold."),
        form=HoldForm,
    )
    wrong_person = _action(
        _lazy("Wrong person"),
        _wrong_person,
        "person_off",
        _lazy("The address is somebody else's: nothing is sent there again."),
        fits=_is_proposed,
    )
    stop = _action(
        _lazy("Stop messages"),
        _stop,
        "notifications_off",
        _lazy("The writer asks for no more messages: nothing is sent to this address on this channel again."),
        fits=_is_proposed,
    )
    undo_stop = _action(
        _lazy("Undo opt-out"),
        _undo_stop,
        "undo",
        _lazy("Only if the reply did not ask for it, or its writer changed their mind. Your reason stays in the log."),
        form=ReasonForm,
        fits=_may_undo_stop,
    )
    dismiss = _action(
        _lazy("Dismiss"), _dismiss, "done", _lazy("Read, and nothing follows. Messages go on."), fits=_is_proposed
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reply]:
        found: QuerySet[Reply] = super().get_queryset(request)
        return found.defer("original")  # a list shows none of it

    @display(description=_lazy("Answer"))
    def text_shown(self, reply: Reply) -> str:
        text = masking.mask_links(reply.text)
        text = text if len(text) <= 80 else f"{text[:79]}…"
        return format_html("<bdi>{}</bdi>", text or _("(empty)"))

    @display(description=_lazy("Answer"))
    def text_whole(self, reply: Reply) -> str:
        text = masking.mask_links(reply.text) or _("(empty)")
        return format_html('<div class="mail-text" dir="auto"><bdi>{}</bdi></div>', text)

    @display(description=_lazy("Whole message"))
    def original_shown(self, reply: Reply) -> str:
        if not reply.original:
            return "–"
        shown = masking.mask_links(texts.shown(reply.original))[:_SHOWN]
        return format_html('<div class="mail-text" dir="auto"><bdi>{}</bdi></div>', shown)

    @display(description=_lazy("Automatic opt-out"))
    def automatic_shown(self, reply: Reply) -> str:
        if not reply.took_effect:
            return "–"
        said = _("Opted out automatically: nothing is sent to %(address)s by %(channel)s.")
        if reply.status != ReplyStatus.CONFIRMED:
            said = _("Opted out %(address)s by %(channel)s automatically, and it was undone.")
        told = {"address": replies.stopped_address(reply), "channel": reply.get_channel_display()}
        return badge(said % told, "danger" if reply.status == ReplyStatus.CONFIRMED else "")

    @display(description=_lazy("Handled by"))
    def handled_shown(self, reply: Reply) -> str:
        if reply.took_effect and not reply.handled_by:
            return _("Automatically")
        return bdi(reply.handled_by) if reply.handled_by else "–"

    @display(description=_lazy("Seems to say"), ordering="triage")
    def triage_shown(self, reply: Reply) -> str:
        what = Triage(reply.triage)
        shown = badge(what.label, TRIAGE_BADGES.get(what, ""))
        if reply.asks_to_stop and what != Triage.STOP:
            return format_html("{} {}", shown, badge(_("Asks to stop"), "danger"))
        return shown

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, reply: Reply) -> str:
        status = ReplyStatus(reply.status)
        if reply.took_effect and status == ReplyStatus.CONFIRMED:
            return badge(_("Opted out automatically"), "danger")
        return badge(status.label, STATUS_BADGES.get(status, ""))

    @display(description=_lazy("Debtor"), ordering="debtor__name")
    def debtor_link(self, reply: Reply) -> str:
        if reply.debtor is None:
            return bdi(reply.address)
        url = reverse("admin:invoices_debtor_change", args=[reply.debtor_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, reply.debtor.name)

    @display(description=_lazy("Invoice"))
    def invoice_link(self, reply: Reply) -> str:
        if reply.invoice is None:
            return "–"
        url = reverse("admin:invoices_invoice_change", args=[reply.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, reply.invoice)

    @display(description=_lazy("From"))
    def address_shown(self, reply: Reply) -> str:
        others = replies.others(reply)
        if not others:
            return bdi(reply.address)
        names = format_html_join(", ", "<bdi>{}</bdi>", [(debtor,) for debtor in others])
        also = format_html(_("also the number of {}, who are not written to either until this is handled"), names)
        return format_html("{} ({})", bdi(reply.address), also)

    @display(description=_lazy("Received"), ordering="received_at")
    def received(self, reply: Reply) -> str:
        return moment(reply.received_at)
