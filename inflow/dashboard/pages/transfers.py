"""The page that records a transfer over a debtor's open invoices: allocated by a proposal first, then recorded."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from inflow.accounts.access import actor
from inflow.dashboard.core.errors import errors_shown_on
from inflow.dashboard.core.own_rows import OwnRowsAdmin, with_undo
from inflow.dashboard.core.responses import page
from inflow.dashboard.pages.money_forms import TransferForm
from invoices import ledger, money
from invoices.models import Debtor


def record_transfer(model_admin: OwnRowsAdmin, request: HttpRequest, debtor: Debtor) -> HttpResponse:
    """Propose an allocation on the first POST; record the transfer on the POST with `confirm`."""
    back = model_admin.url("change", debtor.pk)
    form = TransferForm(request.POST if request.method == "POST" else None, row=debtor)
    context: dict[str, Any] = {"title": _("Record a transfer"), "debtor": debtor, "back": back}
    if form.is_bound and form.is_valid():
        if "confirm" in request.POST:
            with errors_shown_on(form):
                data = {name: form.cleaned_data[name] for name in ("amount", "currency", "paid_at", "method")}
                receipt = ledger.record_receipt(
                    debtor.account,
                    actor(request),
                    debtor_id=debtor.pk,
                    reference=form.cleaned_data["reference"],
                    key=form.cleaned_data["key"],
                    allocations=form.allocations(),
                    **data,
                )
                text = _("A payment of %(amount)s was recorded.")
                text %= {"amount": money.display(receipt.amount, receipt.currency)}
                undo = reverse("admin:invoices_payment_void", args=[receipt.pk])
                messages.success(request, with_undo(text, undo))
                return HttpResponseRedirect(back)
        else:
            form = TransferForm(form.proposed(), row=debtor)
            form.is_valid()
        if not form.errors:
            context["rest"] = form.rest()
    context["is_proposed"] = form.is_bound and not any(field.errors for field in form.head)
    return page(model_admin, request, "admin/invoices/transfer.html", {**context, "form": form})
