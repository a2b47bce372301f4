"""Reports of payment providers: a payment is recorded once. What can't be recorded is stored for a person."""

import uuid
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.languages import in_english
from invoices import ledger, money, timeline
from invoices.errors import NotFound, Refused
from invoices.models import (
    HookKind,
    Invoice,
    PaymentHook,
    PaymentReport,
    Receipt,
    ReceiptStatus,
    ReportKind,
    ReportStatus,
)
from invoices.payment_hooks.reading import Report

log = structlog.get_logger(__name__)

PROBLEMS = {
    "unknown_invoice": _lazy("No invoice has this number."),
    "other_currency": _lazy("The invoice has another currency."),
    "refused": _lazy("The payment could not be recorded."),
    "test_mode": _lazy("The payment was made in the provider's test mode."),
    "taken_back": _lazy("The provider took the payment back."),
    # Codes of the ledger's refusals. Their parameters are those of the report.
    "cancelled": _lazy("No payment can be recorded for a cancelled invoice."),
    "duplicate": _lazy("A payment with the reference %(reference)s is already recorded."),
    "too_many_decimals": _lazy("%(currency)s has %(exponent)s decimals at most."),
    "too_long": _lazy("The amount has too many digits."),
}


def reason_of(report: PaymentReport) -> str:
    """Return the reason for which the report needs attention, in the active language."""
    sentence = PROBLEMS.get(report.problem)
    if sentence is None:
        return ""
    exponent = money.EXPONENTS.get(report.currency)
    return str(sentence) % {"reference": report.reference, "currency": report.currency, "exponent": exponent}


def receive(hook: PaymentHook, report: Report) -> PaymentReport:
    """Store a report and record its payment, in one transaction. The same report again changes nothing.

    The lock of the hook orders the reports about one payment, such as Stripe's of a checkout and of its payment.
    """
    with transaction.atomic(), in_english():
        hook = (
            PaymentHook.objects.select_for_update(no_key=True, of=("self",)).select_related("account").get(pk=hook.pk)
        )
        PaymentHook.objects.filter(pk=hook.pk).update(last_used_at=timezone.now())
        known: PaymentReport | None = PaymentReport.objects.filter(hook=hook, event_id=report.event_id).first()
        if known:
            return known
        stored = PaymentReport(
            account=hook.account,
            hook=hook,
            event_id=report.event_id,
            payment_id=report.payment_id,
            kind=report.kind,
            amount=report.amount,
            currency=report.currency,
            paid_on=report.paid_on,
            invoice_number=report.invoice_number or str(report.invoice_id or ""),
            reference=report.reference[:100],
            status=ReportStatus.OPEN,
        )
        stored.save(force_insert=True)
        if report.kind != ReportKind.PAYMENT:
            _take_back(stored, report)
        elif report.is_test and not hook.account.is_test:
            _leave(stored, "test_mode")
        elif receipt := _receipt_of(stored):
            _settle(stored, receipt)
        elif invoice := _find(hook.account, report):
            _record(stored, invoice, _actor(hook))
        else:
            _leave(stored, "unknown_invoice")
    log.info("payment_reported", report=str(stored.pk), kind=stored.kind, status=stored.status, problem=stored.problem)
    return stored


def record_on(report: PaymentReport, invoice_number: str, actor: Actor) -> Receipt:
    """Record an open report's payment on the invoice that a person chose. Raise `Refused`."""
    with transaction.atomic():
        report = _lock(report)
        if report.kind != ReportKind.PAYMENT:
            raise Refused("kind", "not_a_payment", _("Only a payment can be recorded."))
        invoice = _by_number(report.account, invoice_number)
        if invoice is None:
            raise Refused("invoice_number", "unknown_invoice", str(PROBLEMS["unknown_invoice"]))
        if invoice.currency != report.currency:
            raise Refused("invoice_number", "other_currency", str(PROBLEMS["other_currency"]))
        receipt = _receipt_of(report) or _post(report, invoice, actor)
        _settle(report, receipt, actor.name)
        return receipt


def reverse(report: PaymentReport, actor: Actor, *, reason: str = "", key: uuid.UUID | None = None) -> None:
    """Reverse the payment of an open report, if the report takes the whole payment back. Raise `Refused` otherwise."""
    with transaction.atomic():
        report = _lock(report)
        if report.receipt_id is None or not is_reversible(report):
            message = _("The report is not about the whole amount of a recorded payment.")
            raise Refused("amount", "not_the_payment", message)
        ledger.reverse_payment(report.account, None, report.receipt_id, actor, reason=reason, key=key)
        report.status, report.handled_by, report.handled_because = ReportStatus.RECORDED, actor.name, reason[:1000]
        report.save(update_fields=["status", "handled_by", "handled_because"])


def is_reversible(report: PaymentReport) -> bool:
    """Return True if the report takes back a whole payment that still stands."""
    receipt = report.receipt
    is_open = report.status == ReportStatus.OPEN and report.kind != ReportKind.PAYMENT
    if receipt is None or receipt.status != ReceiptStatus.STANDING:
        return False
    return is_open and receipt.amount == report.amount


def dismiss(report: PaymentReport, actor: Actor, *, reason: str) -> None:
    """Mark an open report as handled without recording anything. Raise `Refused` if it was handled already."""
    with transaction.atomic():
        report = _lock(report)
        report.status, report.handled_by, report.handled_because = ReportStatus.DISMISSED, actor.name, reason[:1000]
        report.save(update_fields=["status", "handled_by", "handled_because"])


def _actor(hook: PaymentHook) -> Actor:
    return Actor("stripe" if hook.kind == HookKind.STRIPE else "payment provider", Channel.API)


def _lock(report: PaymentReport) -> PaymentReport:
    PaymentHook.objects.select_for_update(no_key=True).get(pk=report.hook_id)
    locked: PaymentReport = PaymentReport.objects.select_related("account", "hook", "receipt").get(pk=report.pk)
    if locked.status != ReportStatus.OPEN:
        raise Refused("status", "handled", _("This report has been handled already."))
    return locked


def _find(account: Account, report: Report) -> Invoice | None:
    """Return the invoice that the report names by its id or number."""
    if report.invoice_id:
        found: Invoice | None = Invoice.objects.for_account(account).filter(pk=report.invoice_id).first()
        if found:
            return found
    return _by_number(account, report.invoice_number)


def _by_number(account: Account, number: str) -> Invoice | None:
    rows = Invoice.objects.for_account(account).filter(invoice_number=canonical(number), cancelled_at=None)
    found: Invoice | None = rows.first()
    return found


def _record(report: PaymentReport, invoice: Invoice, actor: Actor) -> None:
    report.invoice = invoice
    if invoice.currency != report.currency:
        _leave(report, "other_currency")
        return
    try:
        _settle(report, _post(report, invoice, actor))
    except NotFound:
        _leave(report, "unknown_invoice")
    except Refused as refusal:
        _leave(report, *((refusal.code, "") if refusal.code in PROBLEMS else ("refused", refusal.message)))


def _post(report: PaymentReport, invoice: Invoice, actor: Actor) -> Receipt:
    """Record the payment in the ledger. The receipt's id is derived from the payment, so that it is recorded once."""
    account = report.account
    ledger.record_payment(
        account,
        invoice.pk,
        actor,
        amount=report.amount,
        paid_at=min(report.paid_on, account.today()),
        method="online",
        reference=report.reference,
        key=_key(report),
    )
    return Receipt.objects.get(pk=_key(report))


def _key(report: PaymentReport) -> uuid.UUID:
    return uuid.uuid5(report.hook_id, report.payment_id)


def _receipt_of(report: PaymentReport) -> Receipt | None:
    found: Receipt | None = Receipt.objects.for_account(report.account).filter(pk=_key(report)).first()
    return found


def _settle(report: PaymentReport, receipt: Receipt, handled_by: str = "") -> None:
    """Mark a report as recorded, and others about the same payment that named no invoice."""
    report.status, report.receipt, report.problem, report.detail = ReportStatus.RECORDED, receipt, "", ""
    report.handled_by, report.invoice_id = handled_by, receipt.posted_on_id
    report.save()
    same = PaymentReport.objects.filter(account=report.account, hook=report.hook_id, payment_id=report.payment_id)
    same.filter(kind=ReportKind.PAYMENT, status=ReportStatus.OPEN).update(
        status=ReportStatus.RECORDED, receipt=receipt, invoice=receipt.posted_on_id, problem="", detail=""
    )
    # Providers report in any order: a refund may have arrived before its payment.
    for earlier in same.exclude(kind=ReportKind.PAYMENT).filter(receipt=None).select_related("account", "hook"):
        _link(earlier, receipt)


def _leave(report: PaymentReport, problem: str, detail: str = "") -> None:
    report.problem, report.detail = problem, detail
    report.save(update_fields=["problem", "detail", "invoice"])


def _take_back(stored: PaymentReport, report: Report) -> None:
    """Leave a refund or chargeback for a person, who decides whether to reverse the payment.

    Stripe reports a chargeback again when it withdraws the money. One report of it is enough for a person.
    """
    _leave(stored, "taken_back")
    same = PaymentReport.objects.filter(hook=stored.hook_id, payment_id=stored.payment_id, kind=stored.kind)
    if stored.kind == ReportKind.DISPUTE and same.filter(amount=stored.amount).exclude(pk=stored.pk).exists():
        stored.status = ReportStatus.RECORDED
    receipt = _receipt_of(stored)
    if receipt is None:
        stored.invoice = _find(stored.account, report)
    stored.save(update_fields=["status", "invoice"])
    if receipt:
        _link(stored, receipt)


def _link(report: PaymentReport, receipt: Receipt) -> None:
    """Store the payment that the provider took back, and note it on the invoice that it was recorded on."""
    report.receipt, report.invoice = receipt, receipt.posted_on
    report.save(update_fields=["receipt", "invoice"])
    if report.invoice and report.status == ReportStatus.OPEN:
        report.invoice.account = report.account
        params: dict[str, Any] = {
            "provider": report.hook.kind,
            "report": report.kind,
            "amount": (report.amount, report.currency),
        }
        timeline.note(report.invoice, "payment_reported", _actor(report.hook), **params)
