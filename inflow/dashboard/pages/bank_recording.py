"""The page that records a bank line as a payment: of which debtor, and how much of it each open invoice gets."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.access import actor
from inflow.dashboard.core.errors import errors_shown_on
from inflow.dashboard.core.forms import AmountField, PageForm
from inflow.dashboard.core.own_rows import OwnRowsAdmin, with_undo
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.forms import invoice_label, plain
from inflow.dashboard.pages.money_forms import find_debtor, ids_in
from invoices import ledger, money
from invoices.bank import posting
from invoices.bank.proposals import Action, stored
from invoices.models import Debtor, Invoice
from invoices.models.bank import BankLine

MOST_LISTED = 60
_PART = "part_"


class PayerForm(PageForm):
    """Finds the debtor who paid."""

    payer = forms.CharField(
        max_length=200,
        label=_lazy("Debtor or invoice"),
        help_text=_lazy("The number of one of the invoices, or the debtor's name, company or email."),
    )

    def clean(self) -> None:
        if not self.errors:
            self.debtor = find_debtor(self.row.account, self.cleaned_data["payer"].strip())


class AllocationForm(PageForm):
    """The parts of a line that the debtor's open invoices get, the oldest first, and those that its text names."""

    def __init__(self, *args: Any, debtor: Debtor, proposed: dict[uuid.UUID, Decimal], **kwargs: Any) -> None:
        self.debtor, self.proposed = debtor, proposed
        super().__init__(*args, **kwargs)

    def prepare(self) -> None:
        line: BankLine = self.row
        own = Invoice.objects.for_account(line.account).filter(currency=line.currency)
        named = own.filter(pk__in=self.proposed)
        oldest = own.open().filter(debtor=self.debtor).order_by("due_date", "issue_date", "invoice_number")
        # One that was paid meanwhile is refused, not left out: its part would become credit without a word.
        submitted = own.filter(debtor=self.debtor, pk__in=[*ids_in(self.data)])
        for invoice in dict.fromkeys([*named, *oldest[:MOST_LISTED], *submitted]):
            field = AmountField(required=False, min_value=0, label=invoice_label(invoice))
            if part := self.proposed.get(invoice.pk):
                field.initial = plain(part, line.currency)
            self.add_field(f"{_PART}{invoice.pk}", field)

    def clean(self) -> None:
        line: BankLine = self.row
        total = sum((part for _invoice, part in self.allocations()), Decimal(0))
        if total > line.amount:
            message = _("The parts are %(total)s in all, but the line has %(amount)s.")
            shown = {"total": money.display(total, line.currency), "amount": money.display(line.amount, line.currency)}
            raise ValidationError(message % shown)

    def allocations(self) -> list[tuple[uuid.UUID, Decimal]]:
        return [
            (uuid.UUID(name.removeprefix(_PART)), part)
            for name, part in self.cleaned_data.items()
            if name.startswith(_PART) and part
        ]


def record_line(model_admin: OwnRowsAdmin, request: HttpRequest, line: BankLine) -> HttpResponse:
    """Find the debtor first, unless a proposal names one; then allocate and record."""
    back = model_admin.url("change", line.pk)
    if not line.is_to_do or line.amount < 0:
        messages.error(request, _("No payment can be recorded for this line."))
        return HttpResponseRedirect(back)
    context: dict[str, Any] = {"title": _("Record payment"), "line": line, "back": back}
    debtor = _debtor(request, line)
    if debtor is None:
        finder = PayerForm(request.POST if request.method == "POST" else None, row=line)
        if finder.is_bound and finder.is_valid():
            return HttpResponseRedirect(f"{model_admin.url('allocate', line.pk)}?debtor={finder.debtor.pk}")
        return page(model_admin, request, "admin/invoices/bank_record.html", {**context, "form": finder})
    form = AllocationForm(
        request.POST if request.method == "POST" else None, row=line, debtor=debtor, proposed=_proposed(line, debtor)
    )
    if form.is_bound and form.is_valid():
        with errors_shown_on(form):
            posting.record(line.account, line.pk, actor(request), debtor_id=debtor.pk, allocations=form.allocations())
            text = _("A payment of %(amount)s was recorded.") % {"amount": money.display(line.amount, line.currency)}
            messages.success(request, with_undo(text, model_admin.url("undo", line.pk)))
            return HttpResponseRedirect(back)
    context |= {"form": form, "debtor": debtor, "other": f"{model_admin.url('allocate', line.pk)}?debtor="}
    return page(model_admin, request, "admin/invoices/bank_record.html", context)


def _debtor(request: HttpRequest, line: BankLine) -> Debtor | None:
    """Return the debtor of the address, else that of the first proposal. An empty one in the address asks for it."""
    chosen = request.GET.get("debtor")
    if chosen is None:
        chosen = next((each.debtor for each in stored(line) if each.action == Action.RECEIVE), "")
    try:
        key = uuid.UUID(chosen)
    except ValueError:
        return None
    found: Debtor | None = Debtor.objects.for_account(line.account).filter(pk=key).first()
    return found


def _proposed(line: BankLine, debtor: Debtor) -> dict[uuid.UUID, Decimal]:
    """Return the parts that the first proposal for the debtor names, else the oldest open invoices."""
    for each in stored(line):
        if each.action == Action.RECEIVE and each.debtor == str(debtor.pk):
            return dict(each.shares())
    return {invoice.pk: part for invoice, part in ledger.propose(debtor, line.amount, line.currency)[:MOST_LISTED]}
