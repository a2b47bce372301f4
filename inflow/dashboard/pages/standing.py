"""Parts of a case file: the present state of the invoice, with the way to end it, and its timeline."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import isolated
from invoices import money
from invoices.models import CaseStatus, Escalation, Invoice, Promise, PromiseStatus, Status, TimelineEntry


@dataclass(frozen=True, slots=True)
class Stand:
    """A fact about the invoice. `undo` leads to the form that ends it, for those who may."""

    icon: str
    text: str
    more: str = ""
    url: str = ""
    undo: str = ""
    undo_url: str = ""


def of(invoice: Invoice, user: User) -> list[Stand]:
    may = user.may(Role.AGENT)
    resume = reverse("admin:invoices_invoice_resume", args=[invoice.pk]) if may else ""
    stands = []
    promise = Promise.objects.filter(invoice=invoice, status=PromiseStatus.OPEN).first()
    if promise:
        stands.append(_promise(promise, invoice, may))
    elif invoice.status == Status.ON_HOLD and invoice.hold_until:
        until = {"day": date_format(invoice.hold_until)}
        stands.append(Stand("pause_circle", _("On hold until %(day)s.") % until, undo=_("Resume"), undo_url=resume))
    if invoice.status == Status.DISPUTED and invoice.disputed_at:
        since = {"day": date_format(invoice.disputed_at.astimezone(invoice.account.zone))}
        text = _("Disputed since %(day)s. Nothing is sent until it is resumed.") % since
        stands.append(Stand("gavel", text, undo=_("Close the dispute"), undo_url=resume))
    if invoice.status == Status.WRITTEN_OFF and invoice.written_off_at:
        on = {"day": date_format(invoice.written_off_at.astimezone(invoice.account.zone))}
        stands.append(Stand("money_off", _("Written off on %(day)s. A payment still makes it paid.") % on))
    if invoice.is_open and invoice.not_before and invoice.not_before > invoice.account.now():
        when = {"moment": date_format(timezone.localtime(invoice.not_before), "DATETIME_FORMAT")}
        stands.append(Stand("undo", _("A payment was undone. Nothing is sent before %(moment)s.") % when))
    cases = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).select_related("assignee")
    return [*stands, *(_case(case) for case in cases)]


def entries(invoice: Invoice) -> list[dict[str, Any]]:
    """Return the timeline without sent messages: `message_rows` adds them as they were sent."""
    happened = TimelineEntry.objects.filter(invoice=invoice).exclude(kind="sent").order_by("-at", "-id")
    return [{"at": entry.at, "kind": entry.kind, "entry": entry} for entry in happened]


def _promise(promise: Promise, invoice: Invoice, may: bool) -> Stand:
    amount = money.display(promise.amount, invoice.currency)
    said = {"amount": isolated(amount), "day": date_format(promise.promised_on)}
    until = {"day": date_format(promise.hold_until)}
    url = reverse("admin:invoices_promise_withdraw", args=[promise.pk]) if may else ""
    return Stand(
        "handshake",
        _("%(amount)s promised by %(day)s.") % said,
        _("Nothing is sent until %(day)s is over.") % until,
        undo=_("Withdraw"),
        undo_url=url,
    )


def _case(case: Escalation) -> Stand:
    whose = {"person": isolated(str(case.assignee)), "status": case.get_status_display()}
    more: Any = _("%(status)s, %(person)s’s.") % whose if case.assignee else _("%(status)s, not assigned yet.") % whose
    return Stand("support_agent", str(case), more, reverse("admin:invoices_escalation_change", args=[case.pk]))
