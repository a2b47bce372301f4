"""Payment settings of an account."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.access import account_or_404
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices import payment_links
from invoices.errors import Refused
from invoices.models import PaymentSettings


class PaymentSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PaymentSettings
        fields = ("payment_url_pattern",)

    def clean_payment_url_pattern(self) -> str:
        pattern: str = self.cleaned_data["payment_url_pattern"].strip()
        if pattern:
            try:
                payment_links.check_pattern(pattern)
            except Refused as refusal:
                raise ValidationError(refusal.message) from refusal
        return pattern


@admin.register(PaymentSettings)
class PaymentSettingsAdmin(OwnRowsAdmin):
    """Settings for payments, one row for each account: addressed by the account's key, and saved when first changed."""

    sees = changes = Role.ADMIN
    one_for_each = True
    form = PaymentSettingsForm
    list_display = ("whose", "payment_url_pattern")
    fieldsets = ((_lazy("Pay now"), {"fields": ("payment_url_pattern",)}),)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return payment_links.settings_of(account_or_404(request, object_id))

    whose = text_column(_lazy("Account"), "account__name")
