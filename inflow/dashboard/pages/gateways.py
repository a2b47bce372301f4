"""Gateways that send SMS and WhatsApp messages. The auth token is write-only."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.channels import gateways
from communications.content import linters
from communications.models import Gateway, Kind, Medium
from inflow.accounts.actors import Actor
from inflow.accounts.models import Language
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge, bdi
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.row_actions import record, row_action
from inflow.egress.errors import ForbiddenTarget

_SHOWN = ("base_url", "account_sid", "sender")  # all but the token
_KINDS = [kind for kind in Kind if kind != Kind.MANUAL]


class _ProviderFields(forms.Form):
    base_url = forms.CharField(
        max_length=200,
        label=_lazy("Base URL"),
        initial="https://api.twilio.com",
        help_text=_lazy("The part before /2010-04-01, for Twilio or another provider with the same API."),
    )
    account_sid = forms.CharField(max_length=64, label=_lazy("Account SID"))
    auth_token = forms.CharField(
        max_length=200, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label=_lazy("Auth token")
    )
    sender = forms.CharField(
        max_length=64,
        help_text=_lazy("A number with its country code, a registered sender name, or a messaging service (MG…)."),
    )

    def clean_base_url(self) -> str:
        url: str = self.cleaned_data["base_url"].rstrip("/")
        try:
            gateways.check_base_url(url)
        except ForbiddenTarget as error:
            raise ValidationError(str(error)) from error
        return url

    def clean_account_sid(self) -> str:
        sid: str = self.cleaned_data["account_sid"]
        if not gateways.is_sid(sid):
            raise ValidationError(_("Use only letters, digits, - and _."))
        return sid

    def clean_auth_token(self) -> str:
        token: str = self.cleaned_data["auth_token"]
        if not token.isascii() or not token.isprintable():
            raise ValidationError(_("Use only printable ASCII characters."))
        return token

    def clean_sender(self) -> str:
        sender: str = self.cleaned_data["sender"].removeprefix("whatsapp:")
        if not gateways.is_sender(sender):
            raise ValidationError(
                _("Enter a number such as +971501234567, a name of at most 11 letters and digits, or MG….")
            )
        return sender

    def _refuse_sender(self, channel: str, country: str) -> None:
        """Refuse a sender that would make the gate hold back every message."""
        sender = self.cleaned_data.get("sender")
        if sender and not gateways.is_service(sender):
            for problem in linters.lint_sender(channel, country, sender):
                self.add_error("sender", problem.message)


class NewGatewayForm(OwnAccountForm, _ProviderFields):
    channel = forms.ChoiceField(choices=[(each.value, each.label) for each in (Medium.SMS, Medium.WHATSAPP)])
    field_order = ("account_choice", "channel", "base_url", "account_sid", "auth_token", "sender")

    def clean(self) -> None:
        if self.account and "channel" in self.cleaned_data:
            self._refuse_sender(self.cleaned_data["channel"], self.account.country)


class GatewayForm(PageForm, _ProviderFields):
    from_row = _SHOWN

    def prepare(self) -> None:
        token = self.fields["auth_token"]
        token.required = False
        token.help_text = _("Leave empty to keep the current token. It is stored encrypted and never shown.")

    def clean(self) -> None:
        self._refuse_sender(self.row.channel, self.row.account.country)


class TemplatesForm(PageForm):
    """The provider's ids of the approved WhatsApp templates, by kind and language."""

    def prepare(self) -> None:
        for kind in _KINDS:
            for language in Language:
                name = f"{kind}.{language}"
                label = _("%(kind)s, %(language)s") % {"kind": kind.label, "language": language.label}
                initial = self.row.content_sids.get(name, "")
                self.add_field(name, forms.CharField(max_length=64, required=False, label=label, initial=initial))

    def clean(self) -> None:
        for name, sid in list(self.cleaned_data.items()):
            if sid and not gateways.is_sid(sid):
                self.add_error(name, _("Use only letters, digits, - and _, as in HX…."))


def _switch(gateway: Gateway, actor: Actor, *, on: bool) -> None:
    if gateway.is_active != on:
        gateway.is_active = on
        gateway.save(update_fields=["is_active"])
        record(gateway, actor, "gateway.switched_on" if on else "gateway.switched_off")


@admin.register(Gateway)
class GatewayAdmin(OwnRowsAdmin):
    sees = adds = Role.MANAGER
    list_display = ("channel_shown", "sender", "base_url", "state", "created_at")
    export_columns = ("channel", "base_url", "account_sid", "sender", "is_active", "created_at")
    fields = ("channel_shown", "state", "base_url", "account_sid", "sender", "status_url", "inbound_url", "created_at")
    readonly_fields = fields
    add_page = AddPage(
        NewGatewayForm,
        _lazy("Add a gateway"),
        _lazy("Add"),
        _lazy("SMS and WhatsApp messages are sent over HTTP, through Twilio or a provider with the same API."),
    )
    actions_detail = ("edit", "templates", "switch_off", "switch_on")

    @row_action(
        _lazy("Edit"),
        needs=Role.MANAGER,
        icon="edit",
        form=GatewayForm,
        intro=_lazy("Provider, credentials and sender."),
        is_primary=True,
    )
    def edit(self, gateway: Gateway, actor: Actor, form: GatewayForm) -> str:
        token = form.cleaned_data["auth_token"]
        changes = [name for name in _SHOWN if name in form.changed_data]
        if "base_url" in changes and not token:
            # Otherwise a person could have the stored token sent to another host.
            raise ValidationError({"auth_token": _("Enter the token again to change the base URL.")})
        for name in changes:
            setattr(gateway, name, form.cleaned_data[name])
        if token:
            gateways.set_token(gateway, token)
        gateway.save(update_fields=[*changes, *(["sealed_auth_token"] if token else [])])
        record(gateway, actor, "gateway.changed", fields=[*changes, *(["auth_token"] if token else [])])
        return _("The gateway has been changed.")

    @row_action(
        _lazy("Set templates"),
        needs=Role.MANAGER,
        icon="description",
        form=TemplatesForm,
        fits=lambda gateway: gateway.channel == Medium.WHATSAPP,
        intro=_lazy(
            "WhatsApp starts a conversation only with an approved template. {{1}} is the debtor's name, {{2}} the "
            "invoice, {{3}} the balance, {{4}} the due date, {{5}} your account. Without a template ID, a message is "
            "sent only to debtors who wrote within the last 24 hours."
        ),
    )
    def templates(self, gateway: Gateway, actor: Actor, form: TemplatesForm) -> str:
        gateway.content_sids = {name: sid for name, sid in form.cleaned_data.items() if sid}
        gateway.save(update_fields=["content_sids"])
        record(gateway, actor, "gateway.templates_changed", templates=gateway.content_sids)
        return _("The templates have been saved.")

    @row_action(
        _lazy("Switch off"),
        needs=Role.MANAGER,
        icon="toggle_off",
        fits=lambda gateway: gateway.is_active,
        intro=_lazy("Messages are sent by the other channels of their step, or wait if there is none."),
    )
    def switch_off(self, gateway: Gateway, actor: Actor, form: PageForm) -> str:
        _switch(gateway, actor, on=False)
        return _("The gateway is switched off.")

    @row_action(
        _lazy("Switch on"),
        needs=Role.MANAGER,
        icon="toggle_on",
        fits=lambda gateway: not gateway.is_active,
        intro=_lazy("Messages are sent through this gateway again."),
    )
    def switch_on(self, gateway: Gateway, actor: Actor, form: PageForm) -> str:
        _switch(gateway, actor, on=True)
        return _("The gateway is switched on.")

    def add(self, request: HttpRequest, form: NewGatewayForm) -> HttpResponse:
        assert form.account is not None
        data = form.cleaned_data
        gateway = Gateway(account=form.account, **{name: data[name] for name in ("channel", *_SHOWN)})
        gateways.set_token(gateway, data["auth_token"])
        try:
            with transaction.atomic():
                gateway.save(force_insert=True)
        except IntegrityError as error:
            raise ValidationError({"channel": _("This channel already has a gateway.")}) from error
        self.record(request, gateway, "created", base_url=gateway.base_url)
        messages.success(request, _("The gateway has been added. Messages can now be sent through it."))
        return HttpResponseRedirect(self.url("change", gateway.pk))

    @display(description=_lazy("Channel"), ordering="channel")
    def channel_shown(self, gateway: Gateway) -> str:
        return gateway.get_channel_display()

    @display(description=_lazy("State"), ordering="is_active")
    def state(self, gateway: Gateway) -> str:
        return badge(_("Active"), "success") if gateway.is_active else badge(_("Off"), "danger")

    @display(description=_lazy("URL for delivery reports"))
    def status_url(self, gateway: Gateway) -> str:
        return bdi(gateways.hook_url(gateway, "status"))

    @display(description=_lazy("URL for incoming messages"))
    def inbound_url(self, gateway: Gateway) -> str:
        return bdi(gateways.hook_url(gateway, "inbound"))
