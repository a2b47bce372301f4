"""Sender profile: the name, contacts and logo of an account in its messages."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from communications.content import linters, phrases, profiles
from communications.content.errors import InvalidLogo
from communications.models import Medium, SenderProfile
from inflow.accounts.access import account_or_404
from inflow.accounts.roles import Role
from inflow.dashboard.core.own_rows import OwnRowsAdmin


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    new_logo = forms.FileField(
        label=_lazy("New logo"),
        required=False,
        help_text=format_lazy(
            _lazy("PNG or JPEG, up to {size} KiB. It is embedded in each email."), size=profiles.LOGO_BYTES // 1024
        ),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
    )
    remove_logo = forms.BooleanField(required=False, label=_lazy("Remove logo"))

    class Meta:
        model = SenderProfile
        fields = ("display_name", "reply_to", "phone", "payment_en", "payment_ar")
        widgets = {
            "payment_en": UnfoldAdminTextareaWidget(attrs={"rows": 5, "dir": "ltr"}),
            "payment_ar": UnfoldAdminTextareaWidget(attrs={"rows": 5, "dir": "rtl", "lang": "ar"}),
        }

    def clean_display_name(self) -> str:
        return phrases.clean(self.cleaned_data["display_name"])

    def clean_payment_en(self) -> str:
        return self._instructions("payment_en")

    def clean_payment_ar(self) -> str:
        return self._instructions("payment_ar")

    def clean_new_logo(self) -> bytes | None:
        file = self.cleaned_data["new_logo"]
        if not file:
            return None
        data: bytes = file.read(profiles.LOGO_BYTES + 1)
        try:
            profiles.logo(data)
        except InvalidLogo as error:
            raise ValidationError(str(error)) from error
        return data

    def _instructions(self, name: str) -> str:
        text = phrases.clean_lines(self.cleaned_data[name])
        if wrong := profiles.invalid_ibans(text):
            text = _("The check digits of this IBAN are wrong: %(ibans)s.")
            raise ValidationError(text % {"ibans": ", ".join(wrong)})
        return text


@admin.register(SenderProfile)
class SenderProfileAdmin(OwnRowsAdmin):
    """Sender profiles, one for each account: addressed by the account's key, and saved when first changed."""

    sees = changes = Role.MANAGER
    one_for_each = True
    form = ProfileForm
    list_display = ("display_name", "reply_to", "phone")
    fieldsets = (
        (None, {"fields": ("display_name", "reply_to", "phone")}),
        (_lazy("How to pay"), {"fields": ("payment_en", "payment_ar")}),
        (_lazy("Logo"), {"fields": ("current_logo", "new_logo", "remove_logo")}),
    )
    readonly_fields = ("current_logo",)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> SenderProfile:
        return profiles.of(account_or_404(request, object_id))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return self.fieldsets[:2]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Record the size of a new logo, not its content, in the audit log."""
        if form.cleaned_data["remove_logo"]:
            obj.logo = None
        if logo := form.cleaned_data["new_logo"]:
            obj.logo, form.cleaned_data["new_logo"] = logo, f"{len(logo)} bytes"
        super().save_model(request, obj, form, change)
        for problem in linters.lint(Medium.SMS, obj.account.country, None, profiles.name(obj)):
            text = _("SMS with this display name can't be sent. %(problem)s") % {"problem": problem.message}
            messages.warning(request, text)

    @display(description=_lazy("Logo"))
    def current_logo(self, profile: SenderProfile) -> SafeString | str:
        if not profile.logo:
            return "–"
        logo = profiles.logo(bytes(profile.logo))
        source = profiles.with_logo(f"cid:{profiles.LOGO_CID}", profile)
        return format_html('<img src="{}" width="{}" height="{}" alt="{}">', source, logo.width, logo.height, _("Logo"))
