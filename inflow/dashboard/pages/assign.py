"""Giving an invoice to somebody, from its case file or from the list."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.cases import AssignForm
from inflow.dashboard.pages.forms import refusals_on
from inflow.dashboard.pages.invoices import InvoiceAdmin
from invoices.cases import cases
from invoices.cases.cases import CaseChange
from invoices.models import CaseStatus, Escalation, Invoice
from invoices.writing import Refused


def _assign(invoice: Invoice, actor: Actor, form: AssignForm) -> str:
    """Give the invoice's open cases to somebody; without any, one is opened for them."""
    member = form.cleaned_data["assignee"]
    unresolved = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED)
    with transaction.atomic(), refusals_on(form):
        if not unresolved.exists():
            if member is None:
                raise Refused("assignee", "required", _("No case is open: say whose the new one is."))
            cases.open_by_hand(invoice.account, invoice.pk, actor)
        for case in unresolved:
            cases.change(invoice.account, case.pk, actor, CaseChange(assignee=member.email if member else ""))
    if member is None:
        return _("The case of invoice %(number)s is nobody’s.") % {"number": invoice}
    return _("The case of invoice %(number)s is %(person)s’s.") % {"number": invoice, "person": member}


InvoiceAdmin.assign = row_action(
    _lazy("Assign"),
    _assign,
    needs=Role.AGENT,
    icon="person_add",
    form=AssignForm,
    fits=lambda invoice: invoice.is_open,
    intro=_lazy("Its open case is theirs. Where none is open, one of level 1 is opened for them."),
)
InvoiceAdmin.assign_selected = bulk(InvoiceAdmin.assign)
InvoiceAdmin.actions = ("assign_selected", *InvoiceAdmin.actions)
_more: Any = InvoiceAdmin.actions_detail[-1]
_more["items"].insert(3, "assign")
