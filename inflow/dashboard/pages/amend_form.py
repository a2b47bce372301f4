"""Form that amends an open invoice, under the same rules as in the API."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from rest_framework import exceptions

from inflow.accounts.models import Language
from inflow.dashboard.core.forms import AmountField, DayField, TextField
from inflow.dashboard.pages.forms import OptionalReasonForm, TagsField, error_texts, plain
from invoices import money
from invoices.api.serializers import InvoicePatch
from invoices.models import Invoice

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class ContactsField(TextField):
    """Contacts besides the invoice's own email and phone, one on each line."""

    def __init__(self, **kwargs: Any) -> None:
        example = "Sara Haddad, sara@example.com, +971501234567"
        super().__init__(
            required=False,
            max_length=10_000,
            label=_lazy("Further contacts"),
            help_text=_lazy("One contact on each line: name, role, email, phone. They receive copies of the messages."),
            **kwargs,
        )
        self.widget.attrs["placeholder"] = example

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip(" ,")]


class AmendForm(OptionalReasonForm):
    amount = AmountField()
    issue_date = DayField()
    due_date = DayField(help_text=_lazy("Moving it by seven or more days restarts the reminder schedule."))
    debtor_name = forms.CharField(max_length=200)
    debtor_company = forms.CharField(
        max_length=200,
        required=False,
        help_text=_lazy("Another name or company moves the invoice to the debtor with that name."),
    )
    debtor_email = forms.EmailField(required=False)
    debtor_phone = forms.CharField(
        max_length=40, required=False, help_text=_lazy("With the country code, such as +971501234567.")
    )
    contacts = ContactsField()
    language = forms.ChoiceField(choices=Language.choices, help_text=_lazy("Language of the messages to the debtor."))
    purchase_order = forms.CharField(max_length=100, required=False)
    payment_url = forms.CharField(
        max_length=2_000,
        required=False,
        label=_lazy("Payment link"),
        help_text=_lazy("The page on which the debtor can pay the invoice. Its address begins with https://."),
    )
    external_id = forms.CharField(
        max_length=100, required=False, help_text=_lazy("The invoice's id in your accounting system.")
    )
    tags = TagsField()
    notes = TextField(max_length=10_000, required=False)
    field_order = (
        *("amount", "issue_date", "due_date", "debtor_name", "debtor_company", "debtor_email", "debtor_phone"),
        *("contacts", "language", "purchase_order", "payment_url", "external_id", "tags", "notes", "reason"),
    )
    from_row = (
        *("issue_date", "due_date", "debtor_name", "debtor_company", "debtor_email", "debtor_phone", "language"),
        *("purchase_order", "payment_url", "external_id", "notes"),
    )

    def prepare(self) -> None:
        super().prepare()
        invoice: Invoice = self.row
        amount = self.fields["amount"]
        amount.label = _("Amount in %(currency)s") % {"currency": invoice.currency}
        amount.initial = plain(invoice.amount, invoice.currency)
        self.fields["tags"].initial = ", ".join(invoice.tags)
        self.fields["contacts"].initial = "\n".join(map(write_contact, invoice.contacts[1:]))

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        invoice: Invoice = self.row
        covered = invoice.amount_paid + invoice.amount_credited
        facts: list[tuple[StrOrPromise, str]] = [(_("Invoice"), invoice.invoice_number)]
        if covered:
            text = _("%(amount)s. A lower amount turns the rest into credit.")
            facts.append((_("Paid or credited"), text % {"amount": money.display(covered, invoice.currency)}))
        return facts

    def clean(self) -> None:
        if self.errors:
            return
        given = {name: value for name, value in self.cleaned_data.items() if name != "reason"}
        given["contacts"] = self._contacts(given["contacts"])
        values = {name: _plain(value) for name, value in given.items()}
        try:
            self.changes = InvoicePatch.checked(values, account=self.row.account)
        except exceptions.ValidationError as refusal:
            details: Any = refusal.detail
            raise ValidationError({name: list(error_texts(errors)) for name, errors in details.items()}) from refusal

    def _contacts(self, lines: list[str]) -> list[dict[str, Any]]:
        """Return all contacts. Those whose address is unchanged keep their language and their kinds of messages."""
        stored = self.row.contacts
        by_line = {write_contact(each): each for each in stored[1:]}
        by_address = {each[kind]: each for each in stored[1:] for kind in ("email", "phone") if each[kind]}
        others = []
        for line in lines:
            read = read_contact(line)
            same = by_address.get(read.get("email", "")) or by_address.get(read.get("phone", "")) or {}
            kept = {name: same[name] for name in ("language", "receives") if name in same}
            others.append(by_line.get(line) or {**kept, **read})
        return [stored[0] if stored else {}, *others] if stored or others else []


def read_contact(line: str) -> dict[str, str]:
    """Return the contact of a line of texts that are separated by commas, in any order."""
    contact: dict[str, str] = {}
    names = []
    for part in filter(None, map(str.strip, line.split(","))):
        if "@" in part:
            contact["email"] = part
        elif part[0] == "+" or part[0].isdecimal():
            contact["phone"] = part
        else:
            names.append(part)
    return contact | dict(zip(("name", "role"), names, strict=False))


def write_contact(contact: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (contact[name] for name in ("name", "role", "email", "phone"))))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, list) else (str(value) if value else None)
