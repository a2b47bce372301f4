"""Planning of payment rows. A payment is identified by its invoice and reference."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from inflow.api.fields import DateField, MoneyField, StrictSerializer, TextField
from invoices import lifecycle, money
from invoices.imports import amounts, existing_payments, statuses
from invoices.imports.errors import RowRefused
from invoices.imports.existing_payments import ExistingPayment
from invoices.imports.headings import folded, names
from invoices.imports.rows import NORMALISED, Plan, RowPlanner
from invoices.imports.statuses import State
from invoices.models import Invoice
from invoices.models.imports import Import, ImportRow, Outcome

# States and words of a received payment.
_RECEIVED = (State.PAID, State.ISSUED)
_RECEIVED_WORDS = names(
    "standing|success|successful|succeeded|completed|complete|reconciled|captured|matched|مكتملة|ناجحة|مقبوضة|مكتمل"
)


class PaymentRow(StrictSerializer):
    """A payment with a reference, validated as in the API."""

    amount = MoneyField(positive=True)
    reference = TextField(max_length=100)
    paid_at = DateField(required=False)
    method = TextField(max_length=40, required=False)


class PaymentPlanner(RowPlanner):
    """Planner of payment rows. `texts` are the cells of a row by field."""

    serializer = PaymentRow

    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        references = {row.said.get("reference", "")[:100] for row in rows} - {""}
        self.payments = existing_payments.standing_payments(file.account, self.invoices.values(), references)

    def plan(self, texts: dict[str, str]) -> Plan:
        number = texts.pop("invoice_number", "")
        self._refuse_not_received(texts.pop("status", ""))
        invoice = self.invoices.get(number)
        if invoice is None:
            raise RowRefused(
                _("There is no invoice with this number.") if number else _("The invoice number is empty.")
            )
        data = self._data(texts, invoice)
        new = self.checked(data)
        if existing := self.payments.get((invoice.pk, new["reference"])):
            return _compare(existing, invoice, new)
        lifecycle.check_payment(invoice, new["amount"], new.get("paid_at"), self.today, reference=new["reference"])
        return Plan(
            Outcome.NEW,
            _note(invoice, new["amount"]),
            read={name: data[name] for name in NORMALISED if name in data and name in texts},
            debtors=lambda: [invoice.debtor_id],
            do=lambda actor: lifecycle.record_payment(self.account, invoice.pk, actor, **new),
        )

    def _data(self, texts: Mapping[str, str], invoice: Invoice) -> dict[str, str]:
        """Return the payment in the format of the API."""
        data = {name: text for name, text in texts.items() if name != "currency"}
        if "currency" in texts:
            currency = amounts.known_currency(texts["currency"], self.labels["currency"])
            if currency != invoice.currency:
                raise RowRefused(_("The invoice is in %(currency)s.") % {"currency": invoice.currency})
        if "amount" in texts:
            number = amounts.amount(texts["amount"], invoice.currency, self.labels["amount"])
            if number is not None and number < 0:
                message = _(
                    "%(field)s: %(text)s is below 0, which looks like a refund. Void or reverse the payment on its own"
                    " page instead."
                )
                raise RowRefused(message % {"field": self.labels["amount"], "text": texts["amount"][:40]})
            data["amount"] = "" if number is None else f"{number:f}"
        if "paid_at" in texts:
            data["paid_at"] = self.date(texts["paid_at"])
        return {name: text for name, text in data.items() if text}

    def _refuse_not_received(self, text: str) -> None:
        state = statuses.state_of(text) or statuses.paid_flag(text)
        if text and state not in _RECEIVED and folded(text) not in _RECEIVED_WORDS:
            message = _("The status is “%(status)s”, but only received payments are recorded.")
            raise RowRefused(message % {"status": text[:60]})


def _compare(existing: ExistingPayment, invoice: Invoice, new: Mapping[str, Any]) -> Plan:
    if new["amount"] in (existing.amount, existing.share) and new.get("paid_at", existing.paid_at) == existing.paid_at:
        return Plan(Outcome.UNCHANGED)
    raise RowRefused(
        _("Another payment has this reference: %(amount)s for invoice %(number)s on %(day)s.")
        % {
            "amount": money.display(existing.amount, existing.currency),
            "number": invoice.invoice_number,
            "day": existing.paid_at.isoformat(),
        }
    )


def _note(invoice: Invoice, amount: Decimal) -> str:
    if amount <= invoice.balance:
        return ""
    over = money.display(amount - invoice.balance, invoice.currency)
    return _("%(amount)s more than is owed: the debtor's credit.") % {"amount": over}
