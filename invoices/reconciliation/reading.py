"""Reading a list of open items from a file. Its headings are those of imported invoices."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.api.fields import MAX_DIGITS
from inflow.canonical import canonical
from invoices import money
from invoices.imports import amounts, cells, reading
from invoices.imports.columns import COLUMNS
from invoices.imports.errors import RowRefused, UnreadableFile
from invoices.imports.survey import survey
from invoices.models import MAX_NUMBER, Invoice
from invoices.models.imports import Kind
from invoices.reconciliation.comparing import Item

_LABELS = {column.field: column.label for column in COLUMNS[Kind.INVOICES]}


def read(
    content: bytes, account: Account, *, currency: str = "", encoding: str = "", date_order: str = ""
) -> list[Item]:
    """Return the open items of a CSV or XLSX file. Rows without a number, and rows that owe nothing, are left out.

    `currency` is that of rows without one, by default the currency of the account's invoices if they have only one.
    Raise `UnreadableFile` if the file is invalid; it names the line.
    """
    currency = currency or _only_currency(account)
    with reading.open_file(content, Kind.INVOICES, encoding) as file:
        sheet = file.sheet()
        balance = "balance" if "balance" in sheet.columns else "amount"
        if missing := [name for name in ("invoice_number", balance) if name not in sheet.columns]:
            names = ", ".join(str(_LABELS[name]) for name in missing)
            raise UnreadableFile(_("No column is called %(names)s.") % {"names": names})
        found = survey(Kind.INVOICES, sheet.headings, sheet.mapping, {}, sheet.rows, date_order)
        rows = _Rows(sheet.columns, balance, currency, found)
        items: dict[str, Item] = {}
        for line, texts in file.sheet().rows:
            try:
                item = rows.item(texts)
                if item and item.invoice_number in items:
                    raise RowRefused(_("%(number)s is in the file twice.") % {"number": item.invoice_number})
            except RowRefused as refusal:
                raise UnreadableFile(_("Line %(line)d: %(reason)s") % {"line": line, "reason": refusal}) from refusal
            if item:
                items[item.invoice_number] = item
    return list(items.values())


def _only_currency(account: Account) -> str:
    used = Invoice.objects.for_account(account).order_by().values_list("currency", flat=True).distinct()
    codes = list(used[:2])
    return codes[0] if len(codes) == 1 else ""


class _Rows:
    """The rows of a file. `balance` is the column of what is owed."""

    def __init__(self, columns: Mapping[str, int], balance: str, currency: str, survey: Mapping[str, Any]) -> None:
        self._columns, self._balance, self._currency, self._survey = columns, balance, currency, survey

    def item(self, texts: Sequence[str]) -> Item | None:
        """Return the open item of a row, or None if the row is none. Raise `RowRefused` if it can't be understood."""
        number = canonical(self._cell(texts, "invoice_number"))
        if not number or not self._cell(texts, self._balance):
            return None
        if len(number) > MAX_NUMBER:
            raise RowRefused(_("The invoice number has more than %(count)d characters.") % {"count": MAX_NUMBER})
        cells.refuse_errors(self._cell(texts, self._balance))
        currency = self._currency_of(texts)
        balance = amounts.amount(self._cell(texts, self._balance), currency, str(_LABELS[self._balance]))
        if balance is None or balance <= 0:
            return None
        if money.decimals(balance) > money.EXPONENTS[currency] or money.digits(balance) > MAX_DIGITS:
            raise RowRefused(
                _("%(amount)s is not an amount in %(currency)s.") % {"amount": balance, "currency": currency}
            )
        return Item(number, currency, balance, self._due_date(texts), self._amount(texts, currency))

    def _amount(self, texts: Sequence[str], currency: str) -> Decimal | None:
        """Return the invoice's amount if it stands beside the balance and can be read, else None."""
        if self._balance == "amount" or "amount" in self._survey["in_company_currency"]:
            return None
        try:
            return amounts.amount(self._cell(texts, "amount"), currency, str(_LABELS["amount"]))
        except RowRefused:
            return None

    def _cell(self, texts: Sequence[str], name: str) -> str:
        position = self._columns.get(name)
        return texts[position].strip() if position is not None and position < len(texts) else ""

    def _currency_of(self, texts: Sequence[str]) -> str:
        text = self._cell(texts, "currency")
        currency = amounts.known_currency(text, str(_LABELS["currency"])) if text else self._currency
        if not currency:
            raise RowRefused(_("The row has no currency. Choose the currency of the file."))
        if self._balance in self._survey["in_company_currency"] and currency != self._currency:
            raise RowRefused(_("The balance is in the currency of your books, but the invoice is in another one."))
        return currency

    def _due_date(self, texts: Sequence[str]) -> dt.date | None:
        text = self._cell(texts, "due_date")
        if not text:
            return None
        plain = cells.date(text, self._survey["date_order"], self._survey["date_conflict"])
        try:
            return dt.date.fromisoformat(plain)
        except ValueError as error:
            raise RowRefused(_("%(text)s is not a date.") % {"text": text[:40]}) from error
