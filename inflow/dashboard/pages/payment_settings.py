"""Settings of an account's payments."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.access import person
from inflow.accounts.roles import Role
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from invoices.models import PaymentSettings


@admin.register(PaymentSettings)
class PaymentSettingsAdmin(OwnRowsAdmin):
    changes = Role.ADMIN
    one_for_each = True
    list_display = ("account", "applies_credit", "posts_exact_lines")
    list_select_related = ("account",)
    export_columns = ("applies_credit", "posts_exact_lines")
    fieldsets = (
        (_lazy("Credit"), {"fields": ("applies_credit",)}),
        (_lazy("Bank statements"), {"fields": ("posts_exact_lines",)}),
    )

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row, which is created when a member first opens the page."""
        account = person(request).account
        if account and object_id == str(account.pk):
            PaymentSettings.objects.get_or_create(account=account)
        return super().get_object(request, object_id, from_field)
