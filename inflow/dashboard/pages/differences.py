"""Differences between the invoices here and the books, with what corrects each of them."""

import datetime as dt
import uuid
from decimal import Decimal

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import amount, badge, bdi, link
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from invoices import ledger, money
from invoices.models import (
    OPEN,
    CreditNote,
    Difference,
    DifferenceStatus,
    Invoice,
    Receipt,
)
from invoices.receipts import Source
from invoices.reconciliation import correcting

_COLOURS = {
    DifferenceStatus.OPEN: "warning",
    DifferenceStatus.MENDED: "success",
    DifferenceStatus.DISMISSED: "info",
}


class SureForm(PageForm):
    """A form that asks once more if many invoices are changed, with those of the last day."""

    sure = forms.BooleanField(required=False)

    def prepare(self) -> None:
        self.ask_again(1)

    def ask_again(self, count: int) -> None:
        if not correcting.are_many(self.row.account, count):
            del self.fields["sure"]
            return
        is_open = Invoice.objects.for_account(self.row.account).filter(status__in=OPEN).count()
        self.fields["sure"].required = True
        self.fields["sure"].label = _(
            "With the corrections of the last 24 hours, these are more than 5%% of %(open)d open invoices. I have "
            "checked the list."
        ) % {"open": is_open}

    @property
    def is_sure(self) -> bool:
        return bool(self.cleaned_data.get("sure"))


class VoidForm(SureForm):
    """Choice of the payment to void: one that explains why less is owed here than in the books."""

    receipt = forms.ChoiceField(label=_lazy("Payment"), widget=forms.RadioSelect)
    field_order = ("receipt", "sure")

    def prepare(self) -> None:
        found = correcting.voidable(self.row)
        self.set_choices("receipt", [(str(receipt.pk), _voidable_shown(receipt)) for receipt in found])
        if len(found) == 1:
            self.fields["receipt"].initial = str(found[0].pk)
        self.ask_again(max((len(ledger.reopened_by(receipt)) for receipt in found), default=1))


def _voidable_shown(receipt: Receipt) -> str:
    """Return the payment and all invoices that owe it again once it is void."""
    reopened = ", ".join(
        f"{invoice.invoice_number} ({money.display(share, invoice.currency)})"
        for invoice, share in ledger.reopened_by(receipt)
    )
    return _("%(payment)s. Outstanding again: %(invoices)s") % {
        "payment": _payment_shown(receipt),
        "invoices": reopened,
    }


def _payment_shown(receipt: Receipt) -> str:
    parts = (money.display(receipt.amount, receipt.currency), date_format(receipt.paid_at), receipt.reference)
    return ", ".join(filter(None, parts))


@admin.register(Difference)
class DifferenceAdmin(OwnRowsAdmin):
    """Differences between the invoices and the books."""

    empty_text = _lazy(
        "There are no differences. They appear here after a list of open items from the books has been "
        "compared with the invoices: see Reconciliations."
    )
    list_display = ("number_shown", "kind_shown", "here_shown", "there_shown", "changed_shown", "status_shown")
    list_filter = choices("kind", "status")
    linked_by = ("list__id__exact",)
    search_fields = ("invoice_number",)
    export_columns = (
        *("invoice_number", "kind", "currency", "balance_here", "balance_there"),
        *("due_date_here", "due_date_there", "status", "handled_by", "handled_at"),
    )
    ordering = ("id",)
    fields = (
        *(("number_shown", "kind_shown"), ("here_shown", "there_shown"), "covered_shown", "amount_shown"),
        ("status_shown", "handled_by"),
    )
    readonly_fields = (
        *("number_shown", "kind_shown", "here_shown", "there_shown", "covered_shown", "amount_shown", "status_shown"),
    )
    list_select_related = ("invoice",)
    actions_detail = ("correct", "void", "dismiss")

    @row_action(
        _lazy("Correct"),
        icon="check",
        form=SureForm,
        fits=lambda row: correcting.correctable(Difference.objects.filter(pk=row.pk)).exists(),
        intro=_lazy("The invoice is changed so that it agrees with the books."),
        is_primary=True,
    )
    def correct(self, row: Difference, actor: Actor, form: SureForm) -> str:
        invoice = correcting.correct(row.account, row.pk, actor, is_sure=form.is_sure)
        return _("Invoice %(number)s agrees with the books.") % {"number": invoice.invoice_number}

    @row_action(
        _lazy("Void the payment"),
        icon="undo",
        form=VoidForm,
        fits=lambda row: bool(correcting.voidable(row)),
        intro=_lazy(
            "More is owed in the books than here, by as much as this payment. If it was recorded here by mistake, void "
            "it. All invoices that it pays return to their previous state."
        ),
        is_grave=True,
    )
    def void(self, row: Difference, actor: Actor, form: VoidForm) -> str:
        receipt_id = uuid.UUID(form.cleaned_data["receipt"])
        invoice = correcting.void(row.account, row.pk, receipt_id, actor, is_sure=form.is_sure)
        return _("Invoice %(number)s agrees with the books.") % {"number": invoice.invoice_number}

    @row_action(
        _lazy("Dismiss"),
        icon="close",
        fits=lambda row: row.status == DifferenceStatus.OPEN,
        intro=_lazy("The invoice stays as it is."),
    )
    def dismiss(self, row: Difference, actor: Actor, form: PageForm) -> str:
        correcting.dismiss(row.account, row.pk, actor)
        return _("The difference is dismissed.")

    actions = (bulk(dismiss),)

    @display(description=_lazy("Invoice"), ordering="invoice_number")
    def number_shown(self, row: Difference) -> str:
        if row.invoice_id is None:
            return row.invoice_number
        return link(reverse("admin:invoices_invoice_change", args=[row.invoice_id]), row.invoice_number)

    @display(description=_lazy("Difference"), ordering="kind")
    def kind_shown(self, row: Difference) -> str:
        return str(row.get_kind_display())

    @display(description=_lazy("In InFlow"))
    def here_shown(self, row: Difference) -> str:
        return _values(row.balance_here, row.due_date_here, row.currency)

    @display(description=_lazy("In the books"))
    def there_shown(self, row: Difference) -> str:
        return _values(row.balance_there, row.due_date_there, row.currency)

    @display(description=_lazy("Less is owed here because of"))
    def covered_shown(self, row: Difference) -> str:
        """Link what was recorded here against an invoice of which more is owed in the books."""
        found = ((_source_link(each), amount(share, row.currency)) for each, share in correcting.covered_by(row))
        return format_html_join("", '<span class="line">{} ({})</span>', found) or "–"

    @display(description=_lazy("Amount in the books"))
    def amount_shown(self, row: Difference) -> str:
        return amount(row.amount_there, row.currency) if row.amount_there is not None else "–"

    @display(description=_lazy("Changed since"))
    def changed_shown(self, row: Difference) -> str:
        return badge(_("Yes"), "warning") if row.changed_since else "–"

    @display(description=_lazy("Status"), ordering="status")
    def status_shown(self, row: Difference) -> str:
        return badge(row.get_status_display(), _COLOURS[DifferenceStatus(row.status)])


def _source_link(source: Source) -> str:
    if isinstance(source, CreditNote):
        text = _("Credit note %(number)s, %(day)s") % {"number": source.number, "day": date_format(source.date)}
        return link(reverse("admin:invoices_creditnote_change", args=[source.pk]), text)
    return link(reverse("admin:invoices_payment_change", args=[source.pk]), _payment_shown(source))


def _values(balance: Decimal | None, due_date: dt.date | None, currency: str) -> str:
    if balance is not None:
        return amount(balance, currency)
    return bdi(date_format(due_date)) if due_date else "–"
