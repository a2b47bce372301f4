"""Messages that were, are and will be sent to debtors."""

import email
import email.policy
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action as button
from unfold.decorators import display

from communications.channels import local_gateway, outbox
from communications.content import profiles
from communications.delivery import gate, manual, safeguards
from communications.models import LEFT_US, Communication, Medium, State
from communications.schedule import standstill
from inflow import masking
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import bdi, moment, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import RowAction, row_action
from inflow.dashboard.pages.forms import OptionalReasonForm
from inflow.dashboard.pages.message_rows import planned, state_badge, why
from invoices.writing import Refused


class AnswerForm(PageForm):
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=1600)


def _may_be_answered(row: Communication) -> bool:
    return settings.TRY_OUT and row.channel != Medium.EMAIL and row.status in (*LEFT_US, State.UNKNOWN)


def _answer(row: Communication, actor: Actor, form: AnswerForm) -> str:
    if not _may_be_answered(row) or not local_gateway.answer(row, form.cleaned_data["text"]):
        raise ValidationError(_("This message can't be answered from here."))
    return _("The answer is on its way; a moment later it is among the replies.")


class WaitsFilter(DropdownFilter):
    title, parameter_name = _lazy("waits for"), "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return [
            ("held", _("A second pair of eyes")),
            *((name, capfirst(words)) for name, words in gate.WORDS.items()),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Communication]) -> QuerySet[Communication]:
        if self.value() == "held":
            return queryset.filter(status=State.HELD)
        return queryset.filter(status=State.SCHEDULED, waits_for=self.value()) if self.value() else queryset


def _release(row: Communication, actor: Actor, form: PageForm) -> str:
    try:
        released = safeguards.approve(row.account, row.pk, actor)
    except Refused as refusal:
        raise ValidationError(refusal.message) from refusal
    goes = date_format(released.scheduled_for.astimezone(row.account.zone), _("j F, H:i"))
    return _("Released: it will be sent on %(moment)s.") % {"moment": goes}


def _call_back(row: Communication, actor: Actor, form: PageForm) -> str:
    try:
        safeguards.call_back(row.account, row.pk, actor)
    except Refused as refusal:
        raise ValidationError(refusal.message) from refusal
    return _("Called back: it is held again.")


def _cancel(row: Communication, actor: Actor, form: OptionalReasonForm) -> str:
    try:
        stop = manual.cancel if row.step is None else safeguards.cancel
        stop(row.account, row.pk, actor, reason=form.cleaned_data["reason"])
    except Refused as refusal:
        raise ValidationError(refusal.message) from refusal
    return _("It is not sent.")


@admin.register(Communication)
class CommunicationAdmin(OwnRowsAdmin):
    """A message as it was written: frozen, to be read."""

    list_display = ("about", "invoice_link", "recipient_shown", "kind", "status_shown", "planned", "sent")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("language", ChoicesDropdownFilter),
        WaitsFilter,
    )
    list_select_related = ("invoice",)
    search_fields = ("invoice__invoice_number", "recipient", "subject")
    search_help_text = _lazy("Invoice number, recipient or subject")
    fields = ()
    actions_detail = ("mail", "release", "call_back", "cancel", "answer")
    answer = row_action(
        _lazy("Answer as the debtor"),
        _answer,
        needs=Role.AGENT,
        icon="reply",
        form=AnswerForm,
        fits=_may_be_answered,
        intro=_lazy("For trying out: the local gateway passes it on, signed, as a provider would."),
    )
    release = row_action(
        _lazy("Release"),
        _release,
        needs=Role.AGENT,
        icon="check_circle",
        fits=lambda row: row.status == State.HELD,
        intro=_lazy("It goes when the cool-off is over, at the next allowed moment. Until then it can be called back."),
        is_primary=True,
    )
    call_back = row_action(
        _lazy("Call back"),
        _call_back,
        needs=Role.AGENT,
        icon="undo",
        fits=lambda row: row.status == State.SCHEDULED and row.approved_at is not None,
        intro=_lazy("It is held again, until somebody releases or cancels it."),
    )
    cancel = row_action(
        _lazy("Don’t send it"),
        _cancel,
        needs=Role.AGENT,
        icon="cancel",
        form=OptionalReasonForm,
        fits=lambda row: row.status == State.HELD or (row.status == State.SCHEDULED and row.step is None),
        intro=_lazy("The step counts as done without it, and the reminder schedule continues."),
        is_grave=True,
    )

    @button(description=_lazy("Download the mail"), icon="download")
    def mail(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The mail as it lies in the local outbox. Reads only: a GET may do it. Viewers don't get it: it holds the
        debtor's links."""
        communication = self.get_object(request, object_id)
        if not person(request).may(Role.AGENT):
            raise PermissionDenied
        written = outbox.read(str(communication.message_id))
        if written is None:
            raise Http404
        response = HttpResponse(written, content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="{communication.message_id}.eml"'
        return response

    def offers(self, user: User, row: Communication, action: RowAction | None) -> bool:
        if action:
            return action.is_offered(user, row)
        return user.may(Role.AGENT) and outbox.read(str(row.message_id)) is not None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        communication = self.get_object(request, object_id)
        written = outbox.read(str(communication.message_id))
        headers = email.message_from_bytes(written, policy=email.policy.default) if written else None
        message = {
            "status": state_badge(communication),
            "why": why(communication),
            "direction": "rtl" if communication.language == "ar" else "ltr",
            "sender": headers and headers["From"],
            "replies": [(reply, masking.mask_links(reply.text)) for reply in communication.replies.all()],
            "html": profiles.with_logo(communication.html, profiles.of(communication.account)),
            "invoice_url": reverse("admin:invoices_invoice_change", args=[communication.invoice_id]),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "message": message})

    @display(description=_lazy("Message"), ordering="subject")
    def about(self, communication: Communication) -> str:
        beginning = " ".join(communication.body[:90].split())
        return bdi(communication.subject or beginning or communication.get_kind_display())

    @display(description=_lazy("Invoice"), ordering="invoice__invoice_number")
    def invoice_link(self, communication: Communication) -> str:
        url = reverse("admin:invoices_invoice_change", args=[communication.invoice_id])
        return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, communication.invoice)

    @display(description=_lazy("To"), ordering="recipient")
    def recipient_shown(self, communication: Communication) -> str:
        is_mail = communication.channel == Medium.EMAIL
        return two_lines(communication.recipient or "–", "" if is_mail else communication.get_channel_display())

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, communication: Communication) -> str:
        return state_badge(communication)

    @display(description=_lazy("Planned for"), ordering="scheduled_for")
    def planned(self, communication: Communication) -> str:
        return planned(communication)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Communication]:
        return standstill.marked(super().get_queryset(request))

    @display(description=_lazy("Sent"), ordering="sent_at")
    def sent(self, communication: Communication) -> str:
        return moment(communication.sent_at)
