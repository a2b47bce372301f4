"""Planning of invoice rows: register the invoice, change the existing one, or propose a change to a person."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from inflow.languages import choice_label
from invoices import lifecycle, money, receipts, registering
from invoices.api.serializers import InvoiceIn
from invoices.imports import amendments, amounts, cells, columns, existing_payments, external_state
from invoices.imports.errors import RowRefused
from invoices.imports.external_state import ClosedAs, ExternalState
from invoices.imports.rows import NORMALISED, Plan, RowPlanner
from invoices.models import Invoice, Status
from invoices.models.imports import Import, ImportRow, Outcome

# Keys of proposals in a row's changes.
RECORD_PAYMENT, CANCEL, WRITE_OFF = "record_payment", "cancel", "write_off"
# Fields that describe the invoice's state in the other program. The API does not accept them.
_STATE_FIELDS = ("balance", "amount_credited", "status", "payment_status", "document_type", columns.BOOKS_AMOUNT)


class InvoicePlanner(RowPlanner):
    """Planner of invoice rows. `texts` are the cells of a row by field."""

    serializer = InvoiceIn

    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        self.opening: dict[uuid.UUID, Decimal] = existing_payments.opening_payments(self.invoices.values())
        self.external_ids = amendments.external_ids(self.invoices.values())

    def plan(self, texts: dict[str, str]) -> Plan:
        invoice = self.invoices.get(texts.get("invoice_number", ""))
        currency = self._currency(texts, invoice)
        state = external_state.read(texts, currency, self.labels)
        self._refuse_books_currency(texts, currency, state)
        read = {"currency": currency, **self._amounts(state)}
        if state.closed_as and "invoice_number" in texts:
            plan = self._closed(invoice, currency, state)
        else:
            data = self._data(texts, invoice, currency, state)
            new = lifecycle.NewInvoice(**self.checked(data))
            lifecycle.check_new(new, self.today)
            plan = self._register(new, state) if invoice is None else self._compare(invoice, new, texts, state)
            read = {**data, **read}
        plan.read = {name: read[name] for name in NORMALISED if name in texts and name in read}
        return plan

    # --- Reading -----------------------------------------------------------------------------------------------------

    def _currency(self, texts: Mapping[str, str], invoice: Invoice | None) -> str:
        if "currency" in texts:
            return amounts.known_currency(texts["currency"], self.labels["currency"])
        return invoice.currency if invoice else self.file.currency

    def _data(
        self, texts: Mapping[str, str], invoice: Invoice | None, currency: str, state: ExternalState
    ) -> dict[str, Any]:
        """Return the invoice in the format of the API."""
        data: dict[str, Any] = {name: text for name, text in texts.items() if name not in _STATE_FIELDS} | {
            "currency": currency
        }
        if state.amount is not None:
            if state.amount == 0 and invoice is None:
                raise RowRefused(_("%(field)s is 0: there is nothing to collect.") % {"field": self.labels["amount"]})
            data["amount"] = f"{state.amount:f}"
        paid = state.amount - state.balance if state.amount is not None and state.balance is not None else state.paid
        data["amount_paid"] = "" if not paid else f"{max(paid, state.paid or Decimal(0)):f}"
        for name in ("issue_date", "due_date"):
            if name in data:
                data[name] = self.date(data[name])
        if invoice and "issue_date" not in data:
            data["issue_date"] = invoice.issue_date.isoformat()
        if invoice and "amount" not in texts:
            data["amount"] = f"{invoice.amount:f}"
        if "debtor_phone" in data:
            data["debtor_phone"] = cells.phone(data["debtor_phone"], self.account.country)
        if "language" in data:
            data["language"] = cells.language(data["language"])
        if "tags" in data:
            data["tags"] = cells.tags(data["tags"])
        if "source_updated_at" in data:
            data["source_updated_at"] = self.moment(data["source_updated_at"])
        return {name: text for name, text in data.items() if text}

    def _amounts(self, state: ExternalState) -> dict[str, str]:
        found = {"amount": state.amount, "amount_paid": state.paid, "balance": state.balance}
        return {name: f"{value:f}" for name, value in found.items() if value is not None}

    def _refuse_books_currency(self, texts: Mapping[str, str], currency: str, state: ExternalState) -> None:
        """Raise `RowRefused` if an amount is in the currency of the books and the invoice in another one."""
        names = self.file.survey.get("in_company_currency", [])
        if "currency" not in texts or not names or state.closed_as == ClosedAs.VOID:
            return
        if self.file.currency and currency == self.file.currency:
            return
        # A balance is unaffected if nothing or all of it is paid, or if both totals are equal.
        if names == ["balance"] and (
            state.balance in (Decimal(0), state.amount) or self._books_amount(texts) == state.amount
        ):
            return
        message = _(
            "“%(heading)s” is in the currency of your books, the invoice in %(currency)s. Choose the currency of the"
            " books at the upload, or export the amounts in the invoice's currency."
        )
        heading = self.file.survey.get("headings_of", {}).get(names[0], self.labels[names[0]])
        raise RowRefused(message % {"heading": heading, "currency": currency})

    def _books_amount(self, texts: Mapping[str, str]) -> Decimal | None:
        """Return the total in the currency of the books."""
        text = texts.get(columns.BOOKS_AMOUNT, "")
        label = columns.label(self.file.kind, columns.BOOKS_AMOUNT)
        return amounts.amount(text, "", label) if text else None

    # --- Closed in the file ------------------------------------------------------------------------------------------

    def _closed(self, invoice: Invoice | None, currency: str, state: ExternalState) -> Plan:
        assert state.closed_as
        if invoice is None:
            reasons = {
                ClosedAs.PAID: _("Paid in the file: not registered."),
                ClosedAs.VOID: _("Void in the file: not registered."),
                ClosedAs.WRITTEN_OFF: _("Written off in the file: not registered."),
            }
            return Plan(Outcome.CLOSED, reasons[state.closed_as])
        if not invoice.is_open:
            return Plan(Outcome.UNCHANGED)
        if currency != invoice.currency or (state.amount is not None and state.amount != invoice.amount):
            raise RowRefused(
                _("The amount is %(said)s in the file and %(now)s here. Is it the same invoice?")
                % {
                    "said": f"{currency} {state.amount:f}" if state.amount is not None else currency,
                    "now": money.display(invoice.amount, invoice.currency),
                }
            )
        if state.closed_as == ClosedAs.PAID:
            return self._propose_payment(invoice, Decimal(0))
        change = [choice_label(Status, invoice.status), state.closed_as.value]
        if state.closed_as == ClosedAs.VOID:
            return Plan(Outcome.PROPOSED, _("Void in the file, but open here: cancel it?"), {CANCEL: change})
        return Plan(Outcome.PROPOSED, _("Written off in the file, but open here: write it off?"), {WRITE_OFF: change})

    def _propose_payment(self, invoice: Invoice, left: Decimal) -> Plan:
        if left:
            message = _("%(left)s is outstanding in the file and %(here)s here. Record a payment of %(missing)s?")
        else:
            message = _("Paid in the file, but open here: record a payment of %(missing)s?")
        reason = message % {
            "left": money.display(left, invoice.currency),
            "here": money.display(invoice.balance, invoice.currency),
            "missing": money.display(invoice.balance - left, invoice.currency),
        }
        return Plan(Outcome.PROPOSED, reason, {RECORD_PAYMENT: [f"{invoice.balance:f}", f"{left:f}"]})

    # --- Open in the file --------------------------------------------------------------------------------------------

    def _register(self, new: lifecycle.NewInvoice, state: ExternalState) -> Plan:
        if state.is_held:
            raise RowRefused(
                _("The invoice is disputed or on hold in the other system. Register it in the dashboard first.")
            )
        notes = [state.remark] if state.remark else []
        if new.due_date < self.today and new.amount_paid < new.amount:
            notes.append(_("Past due: reminders start on the next working day."))
        if not new.debtor_email and not new.debtor_phone:
            notes.append(_("No email or phone: no messages are sent."))
        return Plan(
            Outcome.NEW,
            " ".join(notes),
            new=new,
        )

    def _compare(
        self, invoice: Invoice, new: lifecycle.NewInvoice, texts: Mapping[str, str], state: ExternalState
    ) -> Plan:
        if invoice.cancelled_at:
            message = _("Invoice %(number)s is cancelled. An import does not reopen it.")
            raise RowRefused(message % {"number": invoice.invoice_number})
        if new.currency != invoice.currency:
            message = _("The currency of invoice %(number)s is %(currency)s and can't be changed.")
            raise RowRefused(message % {"number": invoice.invoice_number, "currency": invoice.currency})
        changes = amendments.changes_of(invoice, new, texts, self.external_ids.get(invoice.debtor_id, []))
        covered = invoice.amount_paid + invoice.amount_credited
        left = max(new.amount - covered, Decimal(0))
        notes = []
        if state.balance is not None:
            if state.balance > new.amount:
                raise RowRefused(
                    _("%(left)s is outstanding in the file, more than the invoice's amount here, %(amount)s.")
                    % {
                        "left": money.display(state.balance, invoice.currency),
                        "amount": money.display(invoice.amount, invoice.currency),
                    }
                )
            if "balance" in texts and invoice.is_open and state.balance < left:
                if "amount" not in changes:
                    return self._propose_payment(invoice, state.balance)
                message = _(
                    "After this change, %(left)s is outstanding in the file and %(here)s here. Upload the file again to"
                    " record the payment."
                )
                shown = {"left": state.balance, "here": left}
                notes.append(message % {name: money.display(each, invoice.currency) for name, each in shown.items()})
            if invoice.is_open and state.balance > left:
                more = money.display(state.balance - left, invoice.currency)
                notes.append(_("%(more)s more is paid here than in the file.") % {"more": more})
        if "amount_paid" in texts and "balance" not in texts:
            self._refuse_other_payment(invoice, new.amount_paid, texts["amount_paid"])
        if "amount" in changes and new.amount < covered:
            over = money.display(covered - new.amount, invoice.currency)
            notes.insert(0, _("%(amount)s more than is owed: the debtor's credit.") % {"amount": over})
        if "due_date" in changes and (new.due_date - invoice.due_date).days >= lifecycle.NEW_ROUND_DAYS:
            notes.insert(0, _("The reminder schedule starts again."))
        return self._amended(invoice, new, changes, " ".join(notes))

    def _refuse_other_payment(self, invoice: Invoice, paid: Decimal, text: str) -> None:
        if paid not in (invoice.amount_paid, self.opening.get(invoice.pk, Decimal(0))):
            raise RowRefused(
                _(
                    "The amount paid is %(now)s here and %(said)s in the file. Import later payments from a payments "
                    "file."
                )
                % {"now": f"{invoice.amount_paid.normalize():f}", "said": text}
            )

    def _amended(self, invoice: Invoice, new: lifecycle.NewInvoice, changes: Mapping[str, Any], note: str) -> Plan:
        if not changes:
            return Plan(Outcome.UNCHANGED, note)

        def debtors_of() -> set[uuid.UUID]:
            names = amendments.debtor_names(invoice, new, changes)
            payers = receipts.payers(invoice.pk) if "amount" in changes else set()
            if names is None:
                return {invoice.debtor_id, *payers}
            found = registering.debtors_of(self.account, [names])
            return {invoice.debtor_id, *payers, registering.debtor_in(found, names).pk}

        values = {name: value for name, value in changes.items() if name != "source_updated_at"}
        return Plan(
            Outcome.CHANGED,
            note,
            amendments.shown(invoice, changes, self.external_ids.get(invoice.debtor_id, [])),
            debtors=debtors_of,
            do=lambda actor: lifecycle.amend(
                self.account,
                invoice.pk,
                actor,
                values,
                source_updated_at=new.source_updated_at,
                reason=self.file.file_name,
            ),
        )
