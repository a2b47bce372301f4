"""Inbox of replies: their text, the proposed triage, and the actions of a person."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from communications.inbound import replies, texts
from communications.models import Reply, ReplyStatus, Triage
from inflow import masking
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, link, moment
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import NUMBER, invoice_link
from inflow.dashboard.pages.forms import ReasonForm, refusals_on
from inflow.dashboard.pages.reply_forms import DisputeForm, HoldForm, PaidForm, PromiseForm

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


def _paid(reply: Reply, actor: Actor, form: PaidForm) -> str:
    data = form.cleaned_data
    with refusals_on(form):
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
    with refusals_on(form):
        replies.confirm_promise(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["promised_on"])
    return _("Promise recorded. Reminders are paused until it is due.")


def _dispute(reply: Reply, actor: Actor, form: DisputeForm) -> str:
    with refusals_on(form):
        replies.confirm_dispute(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["reason"])
    return _("Nothing is sent about what is disputed until it is resumed.")


def _hold(reply: Reply, actor: Actor, form: HoldForm) -> str:
    with refusals_on(form):
        replies.confirm_hold(reply, actor, form.cleaned_data["invoices"], form.cleaned_data["hold_until"])
    return _("It is on hold.")


def _wrong_person(reply: Reply, actor: Actor, form: PageForm) -> str:
    with refusals_on(form):
        replies.confirm_wrong_person(reply, actor)
    return _("Nothing is sent to %(address)s any more.") % {"address": reply.address}


def _stop(reply: Reply, actor: Actor, form: PageForm) -> str:
    with refusals_on(form):
        replies.confirm_stop(reply, actor)
    return _("Nothing is sent to %(address)s any more.") % {"address": replies.opted_out_address(reply)}


def _undo_opt_out(reply: Reply, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        replies.undo_opt_out(reply, actor, form.cleaned_data["reason"])
    return _("%(contact)s may be written to again.") % {"contact": replies.opted_out_address(reply)}


def _dismiss(reply: Reply, actor: Actor, form: PageForm) -> str:
    with refusals_on(form):
        replies.dismiss(reply, actor)
    return _("Done. Messages go on.")


def _is_proposed(reply: Reply) -> bool:
    return reply.status == ReplyStatus.PROPOSED


def _may_undo_opt_out(reply: Reply) -> bool:
    return reply.triage == Triage.STOP and reply.status == ReplyStatus.CONFIRMED and replies.is_opted_out(reply)


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
        _undo_opt_out,
        "undo",
        _lazy("Only if the reply did not ask for it, or its writer changed their mind. Your reason stays in the log."),
        form=ReasonForm,
        fits=_may_undo_opt_out,
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
        told = {"address": replies.opted_out_address(reply), "channel": reply.get_channel_display()}
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
        also = format_html(_("also the number of {}, who are not written to either until this is handled"), names)
        return format_html("{} ({})", bdi(reply.address), also)

    @display(description=_lazy("Received"), ordering="received_at")
    def received(self, reply: Reply) -> str:
        return moment(reply.received_at)
