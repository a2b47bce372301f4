"""Payment settings of an account."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.access import person
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices import payment_links
from invoices.errors import Refused
from invoices.models import PaymentSettings


class PaymentSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PaymentSettings
        fields = ("applies_credit", "posts_exact_lines", "payment_url_pattern")

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
    """Settings for payments, one row for each account, with the account's key."""

    changes = Role.ADMIN
    one_for_each = True
    form = PaymentSettingsForm
    list_display = ("whose", "applies_credit", "posts_exact_lines", "payment_url_pattern")
    export_columns = ("applies_credit", "posts_exact_lines", "payment_url_pattern")
    fieldsets = (
        (_lazy("Credit"), {"fields": ("applies_credit",)}),
        (_lazy("Bank statements"), {"fields": ("posts_exact_lines",)}),
        (_lazy("Pay now"), {"fields": ("payment_url_pattern",)}),
    )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row, which is created when a member first opens the page."""
        account = person(request).account
        if account and object_id == str(account.pk):
            PaymentSettings.objects.get_or_create(account=account)
        return super().get_object(request, object_id, from_field)

    whose = text_column(_lazy("Account"), "account__name")
