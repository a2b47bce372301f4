"""Rows of payments: recorded once by their invoice and reference."""

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
from invoices.imports.rows import READ, Plan, RowPlanner
from invoices.imports.statuses import State
from invoices.models import Invoice
from invoices.models.imports import Import, ImportRow, Outcome

# Words of a payment that came in, besides those of a paid invoice.
_RECEIVED = (State.PAID, State.ISSUED)
_WORDS = names(
    "standing|success|successful|succeeded|completed|complete|reconciled|captured|matched|مكتملة|ناجحة|مقبوضة|مكتمل"
)


class PaymentRow(StrictSerializer):
    """A payment as the API takes it, known by its reference."""

    amount = MoneyField(positive=True)
    reference = TextField(max_length=100)
    paid_at = DateField(required=False)
    method = TextField(max_length=40, required=False)


class PaymentPlanner(RowPlanner):
    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        references = {row.said.get("reference", "")[:100] for row in rows} - {""}
        self.payments = existing_payments.standing_payments(file.account, self.invoices.values(), references)

    def plan(self, said: dict[str, str]) -> Plan:
        number = said.pop("invoice_number", "")
        self._refuse_not_received(said.pop("status", ""))
        invoice = self.invoices.get(number)
        if invoice is None:
            raise RowRefused(
                _("There is no invoice of this number.") if number else _("It does not say which invoice.")
            )
        data = self._data(said, invoice)
        new = self.checked(PaymentRow, data)
        if known := self.payments.get((invoice.pk, new["reference"])):
            return _same(known, invoice, new)
        lifecycle.check_payment(invoice, new["amount"], new.get("paid_at"), self.today, reference=new["reference"])
        return Plan(
            Outcome.NEW,
            _note(invoice, new["amount"]),
            read={name: data[name] for name in READ if name in data and name in said},
            debtor=lambda: invoice.debtor_id,
            do=lambda actor: lifecycle.record_payment(self.account, invoice.pk, actor, **new),
        )

    def _data(self, said: Mapping[str, str], invoice: Invoice) -> dict[str, str]:
        data = {name: text for name, text in said.items() if name != "currency"}
        if "currency" in said:
            currency = amounts.known_currency(said["currency"], self.labels["currency"])
            if currency != invoice.currency:
                raise RowRefused(_("The invoice is in %(currency)s.") % {"currency": invoice.currency})
        if "amount" in said:
            number = amounts.amount(said["amount"], invoice.currency, self.labels["amount"])
            if number is not None and number < 0:
                raise RowRefused(
                    _(
                        "%(field)s: %(text)s is below 0, which looks like money that went back. Void or reverse the"
                        " payment on its own page instead."
                    )
                    % {"field": self.labels["amount"], "text": said["amount"][:40]}
                )
            data["amount"] = "" if number is None else f"{number:f}"
        if "paid_at" in said:
            data["paid_at"] = self.date(said["paid_at"])
        return {name: text for name, text in data.items() if text}

    def _refuse_not_received(self, text: str) -> None:
        if not text:
            return
        state = statuses.state_of(text) or statuses.paid_flag(text)
        if state not in _RECEIVED and folded(text) not in _WORDS:
            raise RowRefused(
                _("The status is “%(status)s”: only payments that came in are recorded.") % {"status": text[:60]}
            )


def _same(known: ExistingPayment, invoice: Invoice, new: Mapping[str, Any]) -> Plan:
    if new["amount"] in (known.amount, known.share) and new.get("paid_at", known.paid_at) == known.paid_at:
        return Plan(Outcome.UNCHANGED)
    raise RowRefused(
        _("This reference is of another payment: %(amount)s for invoice %(number)s on %(day)s.")
        % {
            "amount": money.display(known.amount, known.currency),
            "number": invoice.invoice_number,
            "day": known.paid_at.isoformat(),
        }
    )


def _note(invoice: Invoice, amount: Decimal) -> str:
    if amount <= invoice.balance:
        return ""
    over = money.display(amount - invoice.balance, invoice.currency)
    return _("%(amount)s more than is owed: the debtor's credit.") % {"amount": over}
