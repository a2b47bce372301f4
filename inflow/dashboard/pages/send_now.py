"""Messages that a person sends to a debtor: previewed first, and sent by a second POST."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.contacts import addresses
from communications.content import linters, profiles, template_language
from communications.delivery import manual
from communications.delivery.errors import PreviewOutdated
from communications.delivery.manual import MessageRequest, Preview
from communications.models import CONTACTED, Communication, Copy, Kind, Medium, State
from communications.schedule import one_off, policies
from inflow.accounts.access import actor
from inflow.accounts.models import Language
from inflow.dashboard.core.errors import errors_shown_on
from inflow.dashboard.core.forms import PageForm, TextField
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import page
from invoices.errors import Refused
from invoices.models import Invoice

_KINDS = {
    Kind.MANUAL: _lazy("Open invoices"),
    Kind.STATEMENT: _lazy("Statement of account"),
    Kind.PROMISE_FOLLOWUP: _lazy("Reminder of the promise to pay"),
    Kind.THANK_YOU: _lazy("Thank-you for the payment"),
}


class SendForm(PageForm):
    """A message to be sent. `key` is its id from the first preview on; `digest` identifies the last preview."""

    kind = forms.ChoiceField(label=_lazy("Message"))
    channel = forms.ChoiceField(label=_lazy("Channel"))
    language = forms.ChoiceField(label=_lazy("Language"), choices=Language.choices)
    subject = forms.CharField(label=_lazy("Subject"), required=False, max_length=template_language.SUBJECT_LIMIT)
    text = TextField(
        rows=6,
        max_length=None,
        label=_lazy("Text"),
        required=False,
        help_text=_lazy(
            "Leave empty to use the template. An email also lists the open invoices and links to the debtor page."
        ),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    digest = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def prepare(self) -> None:
        invoice: Invoice = self.row
        kinds = one_off.kinds_for(invoice)
        self.set_choices("kind", [(each, _KINDS[each]) for each in kinds])
        self.set_choices("channel", [(each, _channel_label(invoice, each)) for each in policies.ALL_CHANNELS])
        if Kind.MANUAL not in kinds:
            del self.fields["subject"], self.fields["text"]
        wanted = self.initial.get("kind")
        self.initial = {
            **self.initial,
            "kind": wanted if wanted in kinds else kinds[0] if kinds else "",
            "channel": addresses.choose(invoice, policies.ALL_CHANNELS, kind=Kind.MANUAL).channel,
            "language": invoice.debtor.language or invoice.language,
            "key": uuid.uuid4(),
        }

    def clean(self) -> None:
        data = self.cleaned_data
        if self.errors or data["kind"] != Kind.MANUAL:
            return
        try:
            manual.check_text(self.message())
        except Refused as refusal:
            self.add_error(refusal.field, refusal.message)

    def message(self) -> MessageRequest:
        data = self.cleaned_data if self.is_bound else self.initial
        own = [data.get(name, "") if data["kind"] == Kind.MANUAL else "" for name in ("subject", "text")]
        return MessageRequest(data["kind"], data["channel"], data["language"], *own)


def _channel_label(invoice: Invoice, medium: Medium) -> str:
    """Return the channel with its address, or the reason why it can't be used."""
    chosen = addresses.choose(invoice, [medium], kind=Kind.MANUAL)
    missing = {
        "no_channel": _("not set up"),
        "no_contact": _("no address"),
        "invalid_contact": _("invalid address"),
        "opted_out": _("opted out"),
    }
    return f"{medium.label}: {chosen.address or missing[chosen.missing]}"


def send_now(model_admin: OwnRowsAdmin, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Preview the message on GET and the first POST; send it on the POST with `confirm`."""
    back = model_admin.url("change", invoice.pk)
    wanted = {"kind": request.GET.get("kind", "")}
    form = SendForm(request.POST if request.method == "POST" else None, row=invoice, initial=wanted)
    preview, note = None, ""
    if not one_off.kinds_for(invoice):
        note = _("The invoice is closed: no message can be sent about it.")
    elif not form.is_bound or form.is_valid():
        with errors_shown_on(form):
            about = (invoice.account, invoice.pk, actor(request), form.message())
            if "confirm" in request.POST:
                shown = {name: form.cleaned_data[name] for name in ("key", "digest")}
                try:
                    _show_result(request, manual.send(*about, **shown))
                    return HttpResponseRedirect(back)
                except PreviewOutdated:
                    note = _("The message has changed. Check the preview and send it again.")
            preview = manual.preview(*about)
    context = {"title": _("Send a message"), "form": form, "invoice": invoice, "back": back, "note": note}
    return page(model_admin, request, "admin/communications/send_now.html", {**context, **_shown(preview)})


def _shown(preview: Preview | None) -> dict[str, Any]:
    if preview is None:
        return {}
    row = preview.message
    return {
        "preview": preview,
        "draft": row,
        "direction": "rtl" if row.language == Language.ARABIC else "ltr",
        "html": profiles.with_logo(row.html, profiles.of(row.account)),
        "later": preview.deferred_until and moment(preview.deferred_until),
        "size": linters.size(row.body) if row.channel == Medium.SMS else None,
    }


def _show_result(request: HttpRequest, sent: Communication) -> None:
    copies = Copy.objects.filter(message_id=sent.message_id, status__in=CONTACTED) if sent.has_copies else ()
    recipients = ", ".join(copy.recipient for copy in copies) or sent.recipient
    to = {"recipient": recipients, "channel": sent.get_channel_display()}
    if sent.status == State.SCHEDULED:
        text = _("The message is scheduled for %(moment)s. It is checked again before it is sent.")
        messages.info(request, text % {"moment": moment(sent.scheduled_for)})
    elif sent.status == State.FAILED:
        messages.error(request, _("The message was rejected: %(error)s") % {"error": sent.error})
    elif sent.status == State.UNKNOWN:
        messages.warning(request, _("The message may not have reached %(recipient)s: the server did not respond.") % to)
    else:
        messages.success(request, _("Sent to %(recipient)s by %(channel)s.") % to)


def moment(at: Any) -> str:
    """Return a date and time in the reader's time zone."""
    return date_format(timezone.localtime(at), _("j F, H:i"))
