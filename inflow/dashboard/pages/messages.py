"""Messages that were, are and will be sent to debtors."""

import email
import email.policy
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from communications.channels import local_gateway, outbox
from communications.content import profiles
from communications.delivery import manual, safeguards
from communications.models import LEFT_US, Communication, Medium, State
from communications.schedule import holding, standstill
from inflow import masking
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import bdi, moment, two_lines
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages.about_invoice import AMOUNT, COMPANY, CURRENCY, DEBTOR, NUMBER, AboutInvoice
from inflow.dashboard.pages.forms import OptionalReasonForm, refusals_on
from inflow.dashboard.pages.message_rows import planned, state_badge, why


def _has_mail(row: Communication) -> bool:
    return outbox.read(str(row.message_id)) is not None


class AnswerForm(PageForm):
    text = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=1600)


def _may_be_answered(row: Communication) -> bool:
    return settings.TRY_OUT and row.channel != Medium.EMAIL and row.status in (*LEFT_US, State.UNKNOWN)


def _answer(row: Communication, actor: Actor, form: AnswerForm) -> str:
    if not _may_be_answered(row) or not local_gateway.reply(row, form.cleaned_data["text"]):
        raise ValidationError(_("This message can't be answered from here."))
    return _("The answer is on its way; a moment later it is among the replies.")


def _waiting_for(reason: str) -> Callable[[User], Q]:
    return lambda user: Q(status=State.SCHEDULED, waits_for=reason)


class WaitsFilter(OptionsFilter):
    title, parameter_name = _lazy("waits for"), "waits"
    options: ClassVar[Options] = {
        "held": (_lazy("Approval"), lambda user: Q(status=State.HELD)),
        **{reason: (capfirst(words), _waiting_for(reason)) for reason, words in holding.REASONS.items()},
    }


def _release(row: Communication, actor: Actor, form: PageForm) -> str:
    with refusals_on(form):
        released = safeguards.approve(row.account, row.pk, actor)
    goes = date_format(released.scheduled_for.astimezone(row.account.zone), _("j F, H:i"))
    return _("Released: it will be sent on %(moment)s.") % {"moment": goes}


def _call_back(row: Communication, actor: Actor, form: PageForm) -> str:
    with refusals_on(form):
        safeguards.withdraw_approval(row.account, row.pk, actor)
    return _("Called back: it is held again.")


def _cancel(row: Communication, actor: Actor, form: OptionalReasonForm) -> str:
    stop = manual.cancel if row.step is None else safeguards.cancel
    with refusals_on(form):
        stop(row.account, row.pk, actor, reason=form.cleaned_data["reason"])
    return _("It is not sent.")


@admin.register(Communication)
class CommunicationAdmin(AboutInvoice):
    """Messages as they were written. They are never edited."""

    list_display = ("about", "invoice_link", "recipient_shown", "kind", "status_shown", "planned", "sent")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("language", ChoicesDropdownFilter),
        WaitsFilter,
    )
    search_fields = ("invoice__invoice_number", "recipient", "subject")
    export_columns = (
        *(NUMBER, DEBTOR, COMPANY, "kind", "channel", "status", "suppressed_reason", "recipient", "language"),
        *("subject", AMOUNT, CURRENCY, "step", "scheduled_for", "sent_at", "delivered_at", "error", "id"),
    )
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
        intro=_lazy("It is sent after the cool-off, at the next permitted time. Until then it can be called back."),
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

    @page_action(_lazy("Download the mail"), needs=Role.AGENT, icon="download", fits=_has_mail)
    def mail(self, request: HttpRequest, communication: Communication) -> HttpResponse:
        """Respond with the mail from the local outbox. It only reads, so a GET may do it. Viewers don't get it: it
        holds the debtor's links."""
        written = outbox.read(str(communication.message_id))
        if written is None:
            raise Http404
        response = HttpResponse(written, content_type="message/rfc822")
        response["Content-Disposition"] = f'attachment; filename="{communication.message_id}.eml"'
        return response

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
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
        return {"message": message}

    @display(description=_lazy("Message"), ordering="subject")
    def about(self, communication: Communication) -> str:
        beginning = " ".join(communication.body[:90].split())
        return bdi(communication.subject or beginning or communication.get_kind_display())

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
        return standstill.with_is_stopped(super().get_queryset(request))

    @display(description=_lazy("Sent"), ordering="sent_at")
    def sent(self, communication: Communication) -> str:
        return moment(communication.sent_at)
