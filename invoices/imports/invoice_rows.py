"""Rows of invoices: registered, compared with what is known here, or left to a person."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.languages import spoken
from invoices import lifecycle, money
from invoices.api.serializers import InvoiceIn
from invoices.debtors import debtors
from invoices.imports import amounts, cells, columns, existing_payments, external_state
from invoices.imports.errors import RowRefused
from invoices.imports.external_state import ClosedAs, ExternalState
from invoices.imports.rows import READ, Plan, RowPlanner
from invoices.models import Invoice, Status
from invoices.models.imports import Import, ImportRow, Outcome

# The names of a proposal in a row's changes: what a person is asked to do.
RECORD_PAYMENT, CANCEL, WRITE_OFF = "record_payment", "cancel", "write_off"
_OF_THE_BOOKS = ("balance", "amount_credited", "status", "payment_status", "document_type", columns.BOOKS_AMOUNT)
_COMPARED = ("debtor_name", "debtor_company", "debtor_email", "debtor_phone", "amount", "currency")


class InvoicePlanner(RowPlanner):
    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        self.opened: dict[uuid.UUID, Decimal] = existing_payments.opening_payments(self.invoices.values())
        self.debtors: dict[tuple[str, ...], uuid.UUID] = {}

    def plan(self, said: dict[str, str]) -> Plan:
        invoice = self.invoices.get(said.get("invoice_number", ""))
        currency = self._currency(said, invoice)
        state = external_state.read(said, currency, self.labels)
        self._refuse_foreign_columns(said, currency, state)
        if state.closed_as and "invoice_number" in said:
            read = {name: text for name, text in self._amounts(said, state).items() if name in said}
            made = self._closed(invoice, currency, state)
            return replace(made, read={**read, **({"currency": currency} if "currency" in said else {})})
        data = self._data(said, invoice, currency, state)
        new = lifecycle.NewInvoice(**self.checked(InvoiceIn, data))
        lifecycle.check_new(new, self.today)
        made = self._register(new, state) if invoice is None else self._compare(invoice, new, said, state)
        read = {**data, **self._amounts(said, state)}
        return replace(made, read={name: read[name] for name in READ if name in said and name in read})

    # --- Reading -----------------------------------------------------------------------------------------------------

    def _currency(self, said: Mapping[str, str], invoice: Invoice | None) -> str:
        if "currency" in said:
            return amounts.known_currency(said["currency"], self.labels["currency"])
        return invoice.currency if invoice else self.file.currency

    def _data(
        self, said: Mapping[str, str], invoice: Invoice | None, currency: str, state: ExternalState
    ) -> dict[str, str]:
        """Return the invoice as text, in the form in which the API accepts it."""
        data = {name: text for name, text in said.items() if name not in _OF_THE_BOOKS} | {"currency": currency}
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
        if invoice and "amount" not in said:
            data["amount"] = f"{invoice.amount:f}"
        if "debtor_phone" in data:
            data["debtor_phone"] = cells.phone(data["debtor_phone"], self.account.country)
        if "language" in data:
            data["language"] = cells.language(data["language"])
        return {name: text for name, text in data.items() if text}

    def _amounts(self, said: Mapping[str, str], state: ExternalState) -> dict[str, str]:
        """The row's amounts as they were understood."""
        found = {"amount": state.amount, "amount_paid": state.paid, "balance": state.balance}
        return {name: f"{value:f}" for name, value in found.items() if value is not None and name in said}

    def _refuse_foreign_columns(self, said: Mapping[str, str], currency: str, state: ExternalState) -> None:
        """A column in the currency of the books says nothing of an invoice in another one."""
        own = self.file.survey.get("in_company_currency", [])
        if "currency" not in said or not own or state.closed_as == ClosedAs.VOID:
            return
        is_own_currency = bool(self.file.currency) and currency == self.file.currency
        is_plain = own == ["balance"] and (
            state.balance in (Decimal(0), state.amount) or self._books_amount(said) == state.amount
        )
        if not is_own_currency and not is_plain:
            headings = self.file.survey.get("headings_of", {})
            raise RowRefused(
                _(
                    "“%(heading)s” is in the currency of your books, the invoice in %(currency)s. Choose the currency"
                    " of the books at the upload, or export the amounts in the invoice's currency."
                )
                % {"heading": headings.get(own[0], self.labels[own[0]]), "currency": currency}
            )

    def _books_amount(self, said: Mapping[str, str]) -> Decimal | None:
        """The total in the currency of the books; the same as the invoice's if that is its currency."""
        text = said.get(columns.BOOKS_AMOUNT, "")
        label = columns.label(self.file.kind, columns.BOOKS_AMOUNT)
        return amounts.amount(text, "", label) if text else None

    # --- Closed where it comes from ----------------------------------------------------------------------------------

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
        here = spoken(Status, invoice.status)
        if state.closed_as == ClosedAs.VOID:
            return Plan(
                Outcome.PROPOSED,
                _("Void in the file, but open here: cancel it?"),
                {CANCEL: [here, state.closed_as.value]},
            )
        return Plan(
            Outcome.PROPOSED,
            _("Written off in the file, but open here: write it off?"),
            {WRITE_OFF: [here, state.closed_as.value]},
        )

    def _propose_payment(self, invoice: Invoice, left: Decimal) -> Plan:
        missing = money.display(invoice.balance - left, invoice.currency)
        if left:
            reason = _("%(left)s is outstanding in the file and %(here)s here. Record a payment of %(missing)s?") % {
                "left": money.display(left, invoice.currency),
                "here": money.display(invoice.balance, invoice.currency),
                "missing": missing,
            }
        else:
            reason = _("Paid in the file, but open here: record a payment of %(missing)s?") % {"missing": missing}
        return Plan(Outcome.PROPOSED, reason, {RECORD_PAYMENT: [f"{invoice.balance:f}", f"{left:f}"]})

    # --- Open where it comes from ------------------------------------------------------------------------------------

    def _register(self, new: lifecycle.NewInvoice, state: ExternalState) -> Plan:
        if state.is_held:
            raise RowRefused(_("The invoice is disputed or on hold in the other system. Register it by hand first."))
        notes = [state.remark] if state.remark else []
        if new.due_date < self.today and new.amount_paid < new.amount:
            notes.append(_("Past due: chased from the next working day on."))
        if not new.debtor_email and not new.debtor_phone:
            notes.append(_("No email or phone: no messages are sent."))
        return Plan(
            Outcome.NEW,
            " ".join(notes),
            debtor=lambda: self._debtor_of(new),
            do=lambda actor: lifecycle.create(self.account, new, actor),
        )

    def _debtor_of(self, new: lifecycle.NewInvoice) -> uuid.UUID:
        known_by = new.debtor_name, new.debtor_company, new.debtor_email, new.debtor_phone
        if known_by not in self.debtors:
            name, company, email, phone = known_by
            found = debtors.get_or_create(self.account, name=name, company=company, email=email, phone=phone)
            self.debtors[known_by] = found.pk
        return self.debtors[known_by]

    def _compare(self, invoice: Invoice, new: lifecycle.NewInvoice, said: dict[str, str], state: ExternalState) -> Plan:
        for name in _COMPARED:
            self._refuse_other(name, getattr(invoice, name), getattr(new, name), said)
        self._refuse_other("issue_date", invoice.issue_date, new.issue_date, said)
        self._refuse_other("language", invoice.language, new.language, said)
        if state.balance is not None and state.balance > invoice.amount:
            raise RowRefused(
                _("%(left)s is outstanding in the file, more than the invoice's amount here, %(amount)s.")
                % {
                    "left": money.display(state.balance, invoice.currency),
                    "amount": money.display(invoice.amount, invoice.currency),
                }
            )
        if "balance" in said and state.balance is not None and invoice.is_open and state.balance < invoice.balance:
            return self._propose_payment(invoice, state.balance)
        if "amount_paid" in said and "balance" not in said:
            self._refuse_other_payment(invoice, new.amount_paid, said["amount_paid"])
        return self._changes(invoice, new, said, self._less_paid(invoice, state))

    def _less_paid(self, invoice: Invoice, state: ExternalState) -> str:
        if not invoice.is_open or state.balance is None or state.balance <= invoice.balance:
            return ""
        more = money.display(state.balance - invoice.balance, invoice.currency)
        return _("%(more)s more is paid here than in the file.") % {"more": more}

    def _refuse_other_payment(self, invoice: Invoice, paid: Decimal, said: str) -> None:
        if paid not in (invoice.amount_paid, self.opened.get(invoice.pk, Decimal(0))):
            raise RowRefused(
                _("Paid already is %(now)s, not %(said)s. What came in since is imported as payments.")
                % {"now": f"{invoice.amount_paid.normalize():f}", "said": said}
            )

    def _changes(self, invoice: Invoice, new: lifecycle.NewInvoice, said: Mapping[str, str], remark: str) -> Plan:
        changes = {}
        if new.due_date != invoice.due_date:
            lifecycle.check_due_date(invoice, new.due_date)
            changes["due_date"] = [invoice.due_date.isoformat(), new.due_date.isoformat()]
        if "notes" in said and new.notes.split() != invoice.notes.split():
            changes["notes"] = [invoice.notes, new.notes]
        if not changes:
            return Plan(Outcome.UNCHANGED, remark)
        is_anew = (new.due_date - invoice.due_date).days >= lifecycle.NEW_ROUND_DAYS
        notes = [*([_("The reminders begin anew.")] if is_anew else []), *([remark] if remark else [])]
        return Plan(
            Outcome.CHANGED,
            " ".join(notes),
            changes,
            debtor=lambda: invoice.debtor_id,
            do=lambda actor: self._change(invoice, new, changes, actor),
        )

    def _refuse_other(self, name: str, now: Any, new: Any, said: dict[str, str]) -> None:
        if name not in said or now == new or _folded(name, now) == _folded(name, new):
            return
        raise RowRefused(
            _("%(field)s is %(now)s, not %(said)s. Of a known invoice, an import changes the due date and the notes.")
            % {
                "field": columns.label(self.file.kind, name),
                "now": f"{now.normalize():f}" if isinstance(now, Decimal) else (now or "–"),
                "said": said[name],
            }
        )

    def _change(self, invoice: Invoice, new: lifecycle.NewInvoice, changes: Mapping[str, Any], actor: Actor) -> None:
        why = self.file.file_name
        with transaction.atomic():
            if "due_date" in changes:
                lifecycle.move_due_date(self.account, invoice.pk, actor, new.due_date, reason=why)
            if "notes" in changes:
                lifecycle.change(self.account, invoice.pk, actor, notes=new.notes, reason=why)


def _folded(name: str, value: Any) -> Any:
    """Return the value without differences in spaces and, for an email, in case."""
    text = " ".join(value.split()) if isinstance(value, str) else value
    return debtors.normalise_email(text) if name == "debtor_email" else text
