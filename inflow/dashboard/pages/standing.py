"""Parts of an invoice's page: its present state with the links that end it, and its timeline."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import isolated
from invoices import dispute_records, money
from invoices.models import CaseStatus, Escalation, Invoice, Promise, PromiseStatus, Status, TimelineEntry


@dataclass(frozen=True, slots=True)
class Standing:
    """A present state of the invoice. `undo` is the link to the form that ends it, if the person may use it."""

    icon: str
    text: str
    more: str = ""
    url: str = ""
    undo: str = ""
    undo_url: str = ""


def of(invoice: Invoice, user: User) -> list[Standing]:
    may = user.may(Role.AGENT)
    resume = reverse("admin:invoices_invoice_resume", args=[invoice.pk]) if may else ""
    found = [_never_chase(invoice, may)] if invoice.is_open and invoice.debtor.never_chase else []
    promise = Promise.objects.filter(invoice=invoice, status=PromiseStatus.OPEN).first()
    if promise:
        found.append(_promise(promise, invoice, may))
    elif invoice.status == Status.ON_HOLD and invoice.hold_until:
        until = {"day": date_format(invoice.hold_until)}
        found.append(Standing("pause_circle", _("On hold until %(day)s.") % until, undo=_("Resume"), undo_url=resume))
    if invoice.status == Status.DISPUTED and invoice.disputed_at:
        since = {"day": date_format(invoice.disputed_at.astimezone(invoice.account.zone))}
        found.append(_dispute(invoice, since, resume))
    if invoice.status == Status.WRITTEN_OFF and invoice.written_off_at:
        on = {"day": date_format(invoice.written_off_at.astimezone(invoice.account.zone))}
        found.append(Standing("money_off", _("Written off on %(day)s. A payment can still be recorded.") % on))
    if invoice.is_open and invoice.not_before and invoice.not_before > invoice.account.now():
        when = {"moment": date_format(timezone.localtime(invoice.not_before), "DATETIME_FORMAT")}
        found.append(Standing("undo", _("A payment was undone. Nothing is sent before %(moment)s.") % when))
    cases = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).select_related("assignee")
    return [*found, *(_case(case) for case in cases)]


def entries(invoice: Invoice) -> list[dict[str, Any]]:
    """Return the timeline without sent messages, which `message_rows` adds."""
    found = TimelineEntry.objects.filter(invoice=invoice).exclude(kind="sent").order_by("-at", "-id")
    return [{"at": entry.at, "kind": entry.kind, "entry": entry} for entry in found]


def _never_chase(invoice: Invoice, may: bool) -> Standing:
    debtor = invoice.debtor
    url = reverse("admin:invoices_debtor_chase_again", args=[debtor.pk]) if may else ""
    text = _("Never chase: no messages are sent to this debtor.")
    return Standing("notifications_off", text, debtor.never_chase_reason, undo=_("Chase again"), undo_url=url)


def _promise(promise: Promise, invoice: Invoice, may: bool) -> Standing:
    amount = money.display(promise.amount, invoice.currency)
    parts = {"amount": isolated(amount), "day": date_format(promise.promised_on)}
    until = {"day": date_format(promise.hold_until)}
    url = reverse("admin:invoices_promise_withdraw", args=[promise.pk]) if may else ""
    return Standing(
        "handshake",
        _("%(amount)s promised by %(day)s.") % parts,
        _("Reminders are paused until %(day)s.") % until,
        undo=_("Withdraw"),
        undo_url=url,
    )


def _dispute(invoice: Invoice, since: dict[str, str], resume: str) -> Standing:
    text, more, url, undo_url = (
        _("Disputed since %(day)s. Nothing is sent until the dispute is resolved."),
        "",
        "",
        resume,
    )
    if invoice.is_partly_disputed:
        since = {**since, "amount": isolated(money.display(invoice.contested, invoice.currency))}
        text = _("%(amount)s disputed since %(day)s. The rest is still chased.")
    if dispute := dispute_records.latest_open(invoice):
        url = reverse("admin:invoices_dispute_change", args=[dispute.pk])
        undo_url = url if resume else ""
        texts = [str(dispute.reason)] if dispute.reason else []
        if dispute.answer_by:
            texts.append(_("Answer by %(day)s.") % {"day": date_format(dispute.answer_by)})
        more = " · ".join(texts)
    return Standing("gavel", text % since, more, url, undo=_("Resolve dispute"), undo_url=undo_url)


def _case(case: Escalation) -> Standing:
    parts = {"person": isolated(str(case.assignee)), "status": case.get_status_display()}
    text = _("%(status)s, assigned to %(person)s.") if case.assignee else _("%(status)s, unassigned.")
    more = text % parts
    return Standing("support_agent", str(case), more, reverse("admin:invoices_escalation_change", args=[case.pk]))
