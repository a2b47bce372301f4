"""Reading of payment reports: Stripe's events, and the JSON that other systems send."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS, ChoiceField, DateField, MoneyField, StrictSerializer, TextField, UUIDField
from invoices import money
from invoices.models import HookKind, ReportKind
from invoices.payment_hooks.errors import UnreadableReport

# Stripe's own list differs from ISO 4217: it writes ISK and UGX with two decimals, and MGA without.
_STRIPE_WITHOUT_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())  # noqa: SIM905
_STRIPE_THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
_MAX_DECIMALS = 3
_PAID = {
    "checkout.session.completed": "amount_total",
    "checkout.session.async_payment_succeeded": "amount_total",
    "payment_intent.succeeded": "amount_received",
}
_TAKEN_BACK = {
    "charge.refunded": (ReportKind.REFUND, "amount_refunded"),
    "charge.dispute.created": (ReportKind.DISPUTE, "amount"),
    "charge.dispute.funds_withdrawn": (ReportKind.DISPUTE, "amount"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a provider. `payment_id` is the same in all reports about one payment."""

    event_id: str
    payment_id: str
    kind: ReportKind
    amount: Decimal
    currency: str
    paid_on: dt.date
    invoice_number: str = ""
    invoice_id: uuid.UUID | None = None
    reference: str = ""
    is_test: bool = False


class ReportIn(StrictSerializer):
    """A report of another system than Stripe."""

    id = TextField(max_length=80, help_text="Of this report. The same id again records nothing.")
    payment_id = TextField(max_length=80, required=False, allow_blank=True, default="")
    type = ChoiceField([ReportKind.PAYMENT.value, ReportKind.REFUND.value], default=ReportKind.PAYMENT.value)
    invoice_number = TextField(max_length=200, required=False, allow_blank=True, default="")
    invoice_id = UUIDField(required=False, allow_null=True, default=None)
    amount = MoneyField(positive=True)
    currency = TextField(pattern="[A-Za-z]{3}", max_length=3)
    paid_at = DateField(required=False, allow_null=True, default=None)
    reference = TextField(max_length=100, required=False, allow_blank=True, default="")


def read(kind: str, data: Any, account: Account) -> Report | None:
    """Return the report, or None if it is of a kind that is not recorded. Raise `UnreadableReport`."""
    if not isinstance(data, Mapping):
        raise UnreadableReport("The body must be a JSON object.")
    report = _of_stripe(data, account) if kind == HookKind.STRIPE else _of_others(data, account)
    if report is None:
        return None
    if report.currency not in money.EXPONENTS:
        raise UnreadableReport("currency must be a code of ISO 4217, such as AED.")
    if money.digits(report.amount) > MAX_DIGITS or money.decimals(report.amount) > _MAX_DECIMALS:
        raise UnreadableReport("amount has too many digits.")
    return report


def _of_others(data: Mapping[str, Any], account: Account) -> Report:
    serializer = ReportIn(data=data)
    if not serializer.is_valid():
        raise UnreadableReport(_sentences(serializer.errors))
    given = serializer.validated_data
    kind = ReportKind(given["type"])
    return Report(
        event_id=f"{kind}:{given['id']}",
        payment_id=given["payment_id"] or given["id"],
        kind=kind,
        amount=given["amount"],
        currency=given["currency"].upper(),
        paid_on=given["paid_at"] or account.today(),
        invoice_number=given["invoice_number"],
        invoice_id=given["invoice_id"],
        reference=given["reference"],
    )


def _sentences(errors: Mapping[str, Any]) -> str:
    return " ".join(f"{name}: {error}" for name, found in errors.items() for error in found)


def _of_stripe(event: Mapping[str, Any], account: Account) -> Report | None:
    kind, found = event.get("type"), event.get("data")
    row = found.get("object") if isinstance(found, Mapping) else None
    if not isinstance(kind, str) or not isinstance(row, Mapping):
        raise UnreadableReport("The body is not an event of Stripe.")
    if kind in _PAID:
        if kind.startswith("checkout.") and row.get("payment_status") != "paid":
            return None
        name, reported = _PAID[kind], ReportKind.PAYMENT
    elif kind in _TAKEN_BACK:
        reported, name = _TAKEN_BACK[kind]
    else:
        return None
    event_id, own_id, created = _text(event, "id"), _text(row, "id"), event.get("created")
    amount, currency = row.get(name), _text(row, "currency").upper()
    if not (event_id and own_id and currency and type(amount) is int and type(created) is int):
        raise UnreadableReport("The event lacks its id, amount, currency or time.")
    if amount <= 0:  # such as a checkout that a voucher covers
        return None
    metadata = row.get("metadata")
    about = metadata if isinstance(metadata, Mapping) else {}
    client_reference = _text(row, "client_reference_id")
    try:
        paid_on = dt.datetime.fromtimestamp(created, account.zone).date()
    except (OverflowError, OSError, ValueError) as error:
        raise UnreadableReport("The event's time is out of range.") from error
    return Report(
        event_id=event_id,
        payment_id=(_text(row, "payment_intent") or own_id)[:80],
        kind=reported,
        amount=_in_major_units(amount, currency),
        currency=currency,
        paid_on=paid_on,
        invoice_number=_text(about, "invoice_number") or client_reference,
        invoice_id=_uuid(_text(about, "invoice_id")) or _uuid(client_reference),
        reference=_text(row, "payment_intent") or own_id,
        is_test=event.get("livemode") is False,
    )


def _in_major_units(amount: int, currency: str) -> Decimal:
    if currency in _STRIPE_WITHOUT_DECIMALS:
        return Decimal(amount)
    return Decimal(amount).scaleb(-3 if currency in _STRIPE_THREE_DECIMALS else -2)


def _text(row: Mapping[str, Any], name: str) -> str:
    """Return a text of at most 200 characters. Stripe may write an object in place of its id."""
    value = row.get(name)
    if isinstance(value, Mapping):
        value = value.get("id")
    return value.replace("\0", "")[:200] if isinstance(value, str) else ""


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
