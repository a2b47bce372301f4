"""Inbox of replies: their text, the proposed classification, and the actions of a person."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from communications.inbound import replies, texts
from communications.models import Reply, ReplyStatus, Triage
from inflow import masking
from inflow.accounts.actors import Actor
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, link, moment_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import NUMBER, invoice_link
from inflow.dashboard.pages.forms import ReasonForm
from inflow.dashboard.pages.reply_forms import DisputeForm, HoldForm, PaidForm, PromiseForm

STATUS_BADGES = {ReplyStatus.PROPOSED: "warning", ReplyStatus.CONFIRMED: "success"}
TRIAGE_BADGES = {
    Triage.STOP: "danger",
    Triage.PAID: "success",
    Triage.PROMISE: "info",
    Triage.DISPUTE: "warning",
    Triage.WRONG_PERSON: "warning",
}
# The number of characters of a long email that its page shows.
_SHOWN = 20_000


def _is_proposed(reply: Reply) -> bool:
    return reply.status == ReplyStatus.PROPOSED


def _has_debtor(reply: Reply) -> bool:
    return _is_proposed(reply) and reply.debtor_id is not None


def _may_undo_opt_out(reply: Reply) -> bool:
    return reply.triage == Triage.STOP and reply.status == ReplyStatus.CONFIRMED and replies.is_opted_out(reply)


def _mail_text(text: str) -> str:
    return format_html('<div class="mail-text" dir="auto"><bdi>{}</bdi></div>', text)


@admin.register(Reply)
class ReplyAdmin(OwnRowsAdmin):
    list_display = ("text_shown", "debtor_link", "triage_shown", "status_shown", "channel", "received")
    list_filter = (*choices("status", "triage", "channel"), ("took_effect", BooleanRadioFilter))
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
        *("paid", "promise", "dispute", "dismiss", "undo_stop"),
        {"title": _lazy("More"), "items": ["hold", "wrong_person", "stop"]},
    )

    @row_action(
        _lazy("Record payment"),
        icon="payments",
        form=PaidForm,
        fits=_has_debtor,
        intro=_lazy("For money that has arrived. It is recorded in the ledger."),
    )
    def paid(self, reply: Reply, actor: Actor, form: PaidForm) -> str:
        data = dict(form.cleaned_data)
        replies.confirm_paid(reply, actor, data.pop("invoice"), **data)
        return _("The payment is recorded.")

    @row_action(
        _lazy("Record promise"),
        icon="event_available",
        form=PromiseForm,
        fits=_has_debtor,
        intro=_lazy("Reminders are paused until the second working day after the promised date."),
    )
    def promise(self, reply: Reply, actor: Actor, form: PromiseForm) -> str:
        replies.confirm_promise(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["promised_on"])
        return _("Promise recorded. Reminders are paused until it is due.")

    @row_action(
        _lazy("Mark as disputed"),
        icon="gavel",
        form=DisputeForm,
        fits=_has_debtor,
        intro=_lazy("Nothing is sent until the dispute is resolved."),
    )
    def dispute(self, reply: Reply, actor: Actor, form: DisputeForm) -> str:
        replies.confirm_dispute(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["reason"])
        return _("Dispute recorded. Nothing is sent about these invoices until it is resolved.")

    @row_action(_lazy("Dismiss"), icon="done", fits=_is_proposed, intro=_lazy("No action is needed. Messages resume."))
    def dismiss(self, reply: Reply, actor: Actor, form: PageForm) -> str:
        replies.dismiss(reply, actor)
        return _("The reply is dismissed. Messages resume.")

    @row_action(
        _lazy("Undo opt-out"),
        icon="undo",
        form=ReasonForm,
        fits=_may_undo_opt_out,
        intro=_lazy(
            "For a reply that was not an opt-out, or whose writer wants messages again. The reason is recorded in the "
            "consent log."
        ),
    )
    def undo_stop(self, reply: Reply, actor: Actor, form: ReasonForm) -> str:
        replies.undo_opt_out(reply, actor, form.cleaned_data["reason"])
        return _("Messages to %(contact)s are allowed again.") % {"contact": replies.opted_out_address(reply)}

    @row_action(
        _lazy("Put on hold"),
        icon="pause_circle",
        form=HoldForm,
        fits=_has_debtor,
        intro=_lazy("Nothing is sent while an invoice is on hold."),
    )
    def hold(self, reply: Reply, actor: Actor, form: HoldForm) -> str:
        replies.confirm_hold(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["hold_until"])
        return _("The invoices are on hold.")

    @row_action(
        _lazy("Wrong person"),
        icon="person_off",
        fits=_is_proposed,
        intro=_lazy("The address belongs to another person. Nothing is sent to it any more."),
    )
    def wrong_person(self, reply: Reply, actor: Actor, form: PageForm) -> str:
        replies.confirm_wrong_person(reply, actor)
        return _("Nothing is sent to %(address)s any more.") % {"address": reply.address}

    @row_action(
        _lazy("Stop messages"),
        icon="notifications_off",
        fits=_is_proposed,
        intro=_lazy("The writer wants no more messages. Nothing is sent to this address on this channel any more."),
    )
    def stop(self, reply: Reply, actor: Actor, form: PageForm) -> str:
        replies.confirm_stop(reply, actor)
        return _("Nothing is sent to %(address)s any more.") % {"address": replies.opted_out_address(reply)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reply]:
        return super().get_queryset(request).defer("original")  # not shown in the list

    @display(description=_lazy("Reply"))
    def text_shown(self, reply: Reply) -> str:
        text = masking.mask_links(reply.text)
        text = text if len(text) <= 80 else f"{text[:79]}…"
        return format_html("<bdi>{}</bdi>", text or _("(empty)"))

    @display(description=_lazy("Reply"))
    def text_whole(self, reply: Reply) -> str:
        return _mail_text(masking.mask_links(reply.text) or _("(empty)"))

    @display(description=_lazy("Whole message"))
    def original_shown(self, reply: Reply) -> str:
        return _mail_text(masking.mask_links(texts.shown(reply.original))[:_SHOWN]) if reply.original else "–"

    @display(description=_lazy("Automatic opt-out"))
    def automatic_shown(self, reply: Reply) -> str:
        if not reply.took_effect:
            return "–"
        text = _("Opted out automatically: nothing is sent to %(address)s by %(channel)s.")
        if reply.status != ReplyStatus.CONFIRMED:
            text = _("The automatic opt-out of %(address)s by %(channel)s was undone.")
        parts = {"address": replies.opted_out_address(reply), "channel": reply.get_channel_display()}
        return badge(text % parts, "danger" if reply.status == ReplyStatus.CONFIRMED else "")

    @display(description=_lazy("Handled by"))
    def handled_shown(self, reply: Reply) -> str:
        if reply.took_effect and not reply.handled_by:
            return _("Automatically")
        return bdi(reply.handled_by) if reply.handled_by else "–"

    @display(description=_lazy("Classified as"), ordering="triage")
    def triage_shown(self, reply: Reply) -> str:
        triage = Triage(reply.triage)
        shown = badge(triage.label, TRIAGE_BADGES.get(triage, ""))
        if reply.asks_to_stop and triage != Triage.STOP:
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
        return link(reverse("admin:invoices_debtor_change", args=[reply.debtor_id]), reply.debtor.name)

    @display(description=_lazy("Invoice"))
    def invoice_link(self, reply: Reply) -> str:
        return invoice_link(reply) if reply.invoice else "–"

    @display(description=_lazy("From"))
    def address_shown(self, reply: Reply) -> str:
        others = replies.other_debtors(reply)
        if not others:
            return bdi(reply.address)
        names = format_html_join(", ", "<bdi>{}</bdi>", [(debtor,) for debtor in others])
        also = format_html(_("also used by {}, who get no messages until this reply is handled"), names)
        return format_html("{} ({})", bdi(reply.address), also)

    received = moment_column(_lazy("Received"), "received_at")
