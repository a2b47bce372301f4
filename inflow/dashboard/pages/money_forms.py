"""Forms for transfers and credit notes."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.models import Account
from inflow.dashboard.core.forms import AmountField, DayField, OwnAccountForm, TextField
from inflow.dashboard.pages.forms import METHODS, OnceForm, invoice_label, plain
from invoices import credit_notes, ledger, money
from invoices.models import Debtor, Invoice

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Open invoices that the form of a transfer lists, the oldest first.
MOST_LISTED = 100
_PART = "part_"


class TransferForm(OnceForm):
    """A payment of a debtor, and how much of it each of the debtor's open invoices gets."""

    amount = AmountField()
    currency = forms.ChoiceField()
    paid_at = DayField(label=_lazy("Payment date"))
    method = forms.ChoiceField(
        choices=[(name, METHODS[name]) for name in ("bank_transfer", "cheque", "card", "cash", "unspecified")]
    )
    reference = forms.CharField(max_length=100, required=False, help_text=_lazy("Bank reference or cheque number."))

    def prepare(self) -> None:
        super().prepare()
        debtor: Debtor = self.row
        self.fields["paid_at"].initial = debtor.account.today()
        theirs = Invoice.objects.filter(debtor=debtor)
        codes = sorted(set(theirs.order_by().values_list("currency", flat=True)) | {"AED"})
        newest = theirs.open().order_by("due_date").values_list("currency", flat=True).first()
        self.set_choices("currency", [(code, code) for code in codes], newest or codes[0])
        currency = self.data.get("currency") or self.fields["currency"].initial
        oldest = theirs.open().filter(currency=currency).order_by("due_date", "issue_date", "invoice_number")
        # On a second submission they may be paid; the key finds the payment that was recorded.
        submitted = theirs.filter(pk__in=[*ids_in(self.data)])
        for invoice in [*dict.fromkeys([*oldest[:MOST_LISTED], *submitted])]:
            self.add_field(
                f"{_PART}{invoice.pk}", AmountField(required=False, min_value=0, label=invoice_label(invoice))
            )

    @property
    def head(self) -> "Iterator[forms.BoundField]":
        """Yield the fields of the payment."""
        return (field for field in self.visible_fields() if not field.name.startswith(_PART))

    @property
    def parts(self) -> "list[forms.BoundField]":
        """Return the fields of the invoices."""
        return [field for field in self.visible_fields() if field.name.startswith(_PART)]

    def allocations(self) -> list[tuple[uuid.UUID, Decimal]]:
        """Return the parts that were entered."""
        return [
            (uuid.UUID(name.removeprefix(_PART)), part)
            for name, part in self.cleaned_data.items()
            if name.startswith(_PART) and part
        ]

    def proposed(self) -> dict[str, str]:
        """Return the data of this form with the proposed parts, the oldest invoice first."""
        amount, currency = self.cleaned_data["amount"], self.cleaned_data["currency"]
        data = {name: value for name, value in self.data.items() if not name.startswith(_PART)}
        for invoice, part in ledger.propose(self.row, amount, currency)[:MOST_LISTED]:
            data[f"{_PART}{invoice.pk}"] = plain(part, currency)
        return data

    def rest(self) -> str:
        """Return what is left of the amount, which becomes credit."""
        left = self.cleaned_data["amount"] - sum((part for _invoice, part in self.allocations()), Decimal(0))
        return money.display(left, self.cleaned_data["currency"])


def ids_in(data: Any) -> Iterator[uuid.UUID]:
    """Yield the ids of the invoices whose parts were submitted."""
    names = [name.removeprefix(_PART) for name in data if name.startswith(_PART)]
    for name in names[: 2 * MOST_LISTED]:
        try:
            yield uuid.UUID(name)
        except ValueError:
            continue


class PayerForm(OwnAccountForm):
    """Finds the debtor who paid."""

    payer = forms.CharField(
        max_length=200,
        label=_lazy("Debtor or invoice"),
        help_text=_lazy("The number of one of the invoices, or the debtor's name, company or email."),
    )

    def clean(self) -> None:
        if self.account is None or self.errors:
            return
        self.debtor = find_debtor(self.account, self.cleaned_data["payer"].strip())


def find_debtor(account: Account, text: str) -> Debtor:
    """Return the debtor with this name, company, email or invoice number. Raise ValidationError if it is not one."""
    debtors = Debtor.objects.for_account(account).filter(merged_into=None)
    exact = Q(email__iexact=text) | Q(name__iexact=text) | Q(company__iexact=text)
    of_invoice = Invoice.objects.for_account(account).filter(invoice_number=text).values("debtor")
    begins = Q(name__istartswith=text) | Q(company__istartswith=text)
    found: list[Debtor] = []
    for condition in (Q(pk__in=of_invoice), exact, begins):
        found = list(debtors.filter(condition).order_by("name", "pk")[:6])
        if found:
            break
    if not found:
        raise ValidationError({"payer": _("No debtor or invoice matches.")})
    if len(found) > 1:
        names = "; ".join(str(debtor) for debtor in found[:5])
        message = _("Several debtors match: %(names)s. Enter an invoice number or an email.")
        raise ValidationError({"payer": message % {"names": names}})
    return found[0]


class CreditNoteForm(OnceForm):
    """A credit note against an invoice."""

    number = forms.CharField(max_length=64, label=_lazy("Number of the credit note"))
    date = DayField()
    amount = AmountField()
    open_remainder = forms.BooleanField(
        required=False, label=_lazy("An amount above the balance becomes the debtor's credit")
    )

    def prepare(self) -> None:
        super().prepare()
        self.fields["date"].initial = self.row.account.today()
        invoice: Invoice = self.row
        self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": invoice.currency}
        self.fields["amount"].initial = plain(invoice.balance, invoice.currency)

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        invoice: Invoice = self.row
        return [
            (_("Invoice"), invoice.invoice_number),
            (_("Debtor"), invoice.debtor_company or invoice.debtor_name),
            (_("Balance"), money.display(invoice.balance, invoice.currency)),
        ]


class DebtorCreditNoteForm(OnceForm):
    """A credit note that stands alone: it is wholly the debtor's credit."""

    number = forms.CharField(max_length=64, label=_lazy("Number of the credit note"))
    date = DayField()
    amount = AmountField()
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(money.EXPONENTS)])

    def prepare(self) -> None:
        super().prepare()
        self.fields["date"].initial = self.row.account.today()
        newest = Invoice.objects.filter(debtor=self.row).order_by("-created_at").values_list("currency", flat=True)
        self.fields["currency"].initial = newest.first() or "AED"


class VoidCreditNoteForm(OnceForm):
    """Voids a credit note. Shows it and the invoices that become outstanding again."""

    reason = TextField(required=False, help_text=_lazy("Shown on the timeline."))

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        note = self.row
        reopened = ", ".join(
            f"{invoice.invoice_number} ({money.display(share, invoice.currency)})"
            for invoice, share in credit_notes.reopened_by(note)
        )
        return [
            (_("Number"), note.number),
            (_("Amount"), money.display(note.amount, note.currency)),
            (_("Date"), date_format(note.date)),
            (_("Outstanding again"), reopened or _("None: the credit note is not applied to an invoice.")),
        ]
