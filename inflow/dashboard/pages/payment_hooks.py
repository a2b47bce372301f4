"""Payment providers that report payments to the account. A secret is shown once, or never if the provider made it."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge, bdi, moment_column
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.responses import Secret, shown_once
from inflow.dashboard.core.row_actions import record, row_action
from invoices.models import HookKind, PaymentHook
from invoices.payment_hooks import hooks

_EXAMPLE = """body='{{"id": "pay-1042", "invoice_number": "INV-1042", "amount": 250.00, "currency": "AED"}}'
time=$(date +%s)
signature=$(printf '%s.%s' "$time" "$body" | openssl dgst -sha256 -hmac '{secret}' -hex | sed 's/^.* //')
curl -X POST '{url}' -H 'Content-Type: application/json' \\
  -H "X-InFlow-Signature: t=$time,v1=$signature" -d "$body"
"""


class NewHookForm(OwnAccountForm):
    kind = forms.ChoiceField(choices=HookKind.choices, label=_lazy("Provider"))


class SecretForm(PageForm):
    secret = forms.CharField(
        max_length=hooks.MAX_SECRET,
        label=_lazy("Signing secret"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_lazy("Stripe shows it on the page of the webhook endpoint (whsec_…). It is stored encrypted."),
    )

    def prepare(self) -> None:
        if self.row.kind == HookKind.HMAC:
            del self.fields["secret"]


@admin.register(PaymentHook)
class PaymentHookAdmin(OwnRowsAdmin):
    """Addresses at which providers report payments. They are created, switched and get new secrets, never edited."""

    sees = adds = Role.ADMIN
    list_display = ("kind_shown", "state", "last_used", "created_at")
    export_columns = ("kind", "is_on", "last_used_at", "created_at", "id")
    fields = ("kind_shown", "state", "address", "events", "last_used", "created_at")
    readonly_fields = fields
    add_page = AddPage(
        NewHookForm,
        _lazy("Add a payment provider"),
        _lazy("Add"),
        _lazy("Payments that the provider reports are recorded on the invoice that they name, each of them once."),
    )
    actions_detail = ("rotate", "switch_off", "switch_on")

    @row_action(
        _lazy("Set secret"),
        needs=Role.ADMIN,
        icon="key",
        form=SecretForm,
        intro=_lazy("Reports that are signed with the old secret are refused from now on. Providers send them again."),
        is_grave=True,
    )
    def rotate(self, hook: PaymentHook, actor: Actor, form: SecretForm) -> str | Secret:
        secret = hooks.rotate(hook, form.cleaned_data.get("secret", ""))
        record(hook, actor, "paymenthook.secret_set")
        if hook.kind == HookKind.STRIPE:
            return _("The secret has been stored.")
        return self._secret(hook, secret)

    @row_action(
        _lazy("Switch off"),
        needs=Role.ADMIN,
        icon="toggle_off",
        fits=lambda hook: hook.is_on,
        intro=_lazy("Reports are refused until it is switched on again. Providers repeat them for some days."),
    )
    def switch_off(self, hook: PaymentHook, actor: Actor, form: PageForm) -> str:
        self._switch(hook, actor, is_on=False)
        return _("The provider is switched off.")

    @row_action(
        _lazy("Switch on"),
        needs=Role.ADMIN,
        icon="toggle_on",
        fits=lambda hook: not hook.is_on,
        intro=_lazy("New reports are accepted again."),
    )
    def switch_on(self, hook: PaymentHook, actor: Actor, form: PageForm) -> str:
        self._switch(hook, actor, is_on=True)
        return _("The provider is switched on.")

    def add(self, request: HttpRequest, form: NewHookForm) -> HttpResponse:
        assert form.account is not None
        hook, secret = hooks.create(form.account, HookKind(form.cleaned_data["kind"]))
        self.record(request, hook, "created", kind=hook.kind)
        if not secret:
            text = _("Add this URL as a webhook endpoint in Stripe, then set the signing secret that Stripe shows.")
            messages.info(request, text)
            return HttpResponseRedirect(self.url("change", hook.pk))
        return shown_once(self, request, self._secret(hook, secret))

    def _secret(self, hook: PaymentHook, secret: str) -> Secret:
        return Secret(
            title=_("Signing secret"),
            secret=secret,
            example_title=_("Report a payment"),
            example=_EXAMPLE.format(secret=secret, url=hooks.address(hook)),
            back=self.url("change", hook.pk),
        )

    def _switch(self, hook: PaymentHook, actor: Actor, *, is_on: bool) -> None:
        if hook.is_on != is_on:
            hook.is_on = is_on
            hook.save(update_fields=["is_on"])
            record(hook, actor, "paymenthook.switched_on" if is_on else "paymenthook.switched_off")

    @display(description=_lazy("Provider"), ordering="kind")
    def kind_shown(self, hook: PaymentHook) -> str:
        return hook.get_kind_display()

    @display(description=_lazy("State"), ordering="is_on")
    def state(self, hook: PaymentHook) -> str:
        if not hook.sealed_secret:
            return badge(_("Secret missing"), "warning")
        return badge(_("Active"), "success") if hook.is_on else badge(_("Off"), "danger")

    @display(description=_lazy("URL for reports"))
    def address(self, hook: PaymentHook) -> str:
        return bdi(hooks.address(hook))

    @display(description=_lazy("Events"))
    def events(self, hook: PaymentHook) -> str:
        if hook.kind == HookKind.HMAC:
            return _("Payments and refunds as signed JSON, see docs/payments.md")
        return "checkout.session.completed, payment_intent.succeeded, charge.refunded, charge.dispute.created"

    last_used = moment_column(_lazy("Last report"), "last_used_at")
