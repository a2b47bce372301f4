"""The contacts of a debtor, edited on its page."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectMultipleWidget

from communications.models import Address, Kind, Medium
from inflow.accounts.roles import Role
from inflow.dashboard.core.inlines import EditableInline
from inflow.dashboard.core.markup import bdi
from inflow.dashboard.pages.addresses import address_badge
from inflow.dashboard.pages.forms import AddressedForm
from invoices.debtors.editing import MAX_CONTACTS, ContactValues
from invoices.models import Contact
from invoices.models.debtors import MESSAGE_KINDS

_VALUES = ("name", "role", "email", "phone", "language", "receives")
# Kinds of messages that are not in `Kind` yet.
_LABELS = {"statement": _lazy("Statement of account"), **dict(Kind.choices)}


class ContactForm(AddressedForm):
    receives = forms.MultipleChoiceField(
        label=_lazy("Receives"),
        choices=[(kind, _LABELS[kind]) for kind in MESSAGE_KINDS],
        required=False,
        widget=UnfoldAdminSelectMultipleWidget({"size": 3}),
    )

    class Meta:
        model = Contact
        fields = _VALUES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Label each field for screen readers: the table's headings are not labels."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = field.label

    @property
    def country(self) -> str:
        country: str = self.instance.debtor.account.country
        return country

    def clean(self) -> None:
        if not self.errors and not self.cleaned_data.get("email") and not self.cleaned_data.get("phone"):
            raise ValidationError(_("Enter an email or a phone number."), "no_address")

    def validate_constraints(self) -> None:
        """Leave it to `clean`, which says what to enter."""


class Contacts(BaseInlineFormSet):  # type: ignore[type-arg]
    def _rows(self) -> list[tuple[Any, dict[str, Any]]]:
        rows = [(form.instance, getattr(form, "cleaned_data", {})) for form in self.forms]
        return [(row, data) for row, data in rows if data and not data.get("DELETE")]

    def clean(self) -> None:
        super().clean()
        addresses = [(data.get("email"), data.get("phone")) for _row, data in self._rows()]
        if len(addresses) > MAX_CONTACTS:
            raise ValidationError(_("A debtor can have at most %(most)d contacts.") % {"most": MAX_CONTACTS})
        if len(set(addresses)) < len(addresses):
            raise ValidationError(_("Two contacts have the same email and phone. Remove one of them."))

    def values(self) -> list[ContactValues]:
        """Return the contacts of the valid form, in order."""
        known = {form.instance.pk for form in self.initial_forms}
        return [
            ContactValues(**{name: data[name] for name in _VALUES}, id=row.pk if row.pk in known else None)
            for row, data in self._rows()
        ]


class ContactInline(EditableInline):
    changes = Role.AGENT
    model = Contact
    form, formset = ContactForm, Contacts
    fields = (*_VALUES, "state")
    readonly_fields = ("state",)
    max_num = MAX_CONTACTS
    hide_title = True
    verbose_name_plural = _lazy("contacts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        rows: QuerySet[Contact] = super().get_queryset(request)
        return rows.select_related("debtor__account")

    @display(description=_lazy("State"))
    def state(self, contact: Contact) -> str:
        """Return the state of the contact's email, then of its phone."""
        if not contact.pk or not (contact.email or contact.phone):
            return bdi("–")
        addresses = filter(None, (contact.email, contact.phone))
        known = Address.objects.filter(account=contact.account_id, address__in=[contact.email, contact.phone])
        records = {record.address: record for record in known.exclude(channel=Medium.WHATSAPP)}
        return format_html_join(" ", "{}", ((address_badge(records.get(address)),) for address in addresses))
