"""Reading of an uploaded file into statements. A separate process parses it."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from invoices import money
from invoices.imports import process
from invoices.imports.errors import FileRefused, UnreadableFile
from invoices.imports.parsing.bounds import MAX_BYTES

PARSER = "invoices.bank.parsing"


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """An entry of a file: the fields of `invoices.bank.parsing.records.Entry`, with dates and amounts."""

    line: int
    day: dt.date
    value_day: dt.date | None
    amount: Decimal
    currency: str
    original_amount: Decimal | None
    original_currency: str
    is_return: bool
    return_reason: str
    payer_name: str
    payer_account: str
    text: str
    end_to_end: str
    bank_reference: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """A statement of a file with its entries, in the order of the file."""

    account: str
    statement_id: str
    sequence: str
    from_date: dt.date
    to_date: dt.date
    currency: str
    opening: Decimal | None
    closing: Decimal | None
    skipped: int
    entries: list[ParsedEntry] = field(default_factory=list)


def check_upload(size: int) -> None:
    """Raise `UnreadableFile` if the size shows that the file is unusable."""
    if size > MAX_BYTES:
        raise UnreadableFile(_("The file is larger than %(size)d MB.") % {"size": MAX_BYTES >> 20})
    if not size:
        raise UnreadableFile(_("The file is empty."))


def read(
    content: bytes,
    *,
    encoding: str = "",
    date_order: str = "",
    account: str = "",
    currency: str = "",
    heartbeat: Callable[[], object] = lambda: None,
) -> list[ParsedStatement]:
    """Return all statements of a file. Raise `UnreadableFile` if any part of it is invalid."""
    check_upload(len(content))
    options = {"encoding": encoding, "date_order": date_order, "account": account, "currency": currency}
    try:
        with process.parsed(content, options, heartbeat, parser=PARSER) as parsed:
            return statements_of(parsed.rows(), account)
    except FileRefused as refusal:
        raise UnreadableFile(message(refusal)) from refusal


def statements_of(records: Iterable[tuple[int, dict[str, Any]]], account: str = "") -> list[ParsedStatement]:
    """Return the statements that a parser's records describe. Raise `UnreadableFile` if any of them is invalid."""
    statements: list[ParsedStatement] = []
    entries: list[ParsedEntry] = []
    for line, values in records:
        if values.pop("kind") == "entry":
            entries.append(_entry(line, values))
        elif statement := _statement(line, values, entries, account):
            statements.append(statement)
            entries = []
    if not statements:
        raise UnreadableFile(_("The file has no statement with a date."))
    return statements


def _entry(line: int, values: dict[str, Any]) -> ParsedEntry:
    original = values.pop("original_amount")
    _check_currency(line, values["currency"])
    if original is not None and values["original_currency"] not in money.EXPONENTS:
        original, values["original_currency"] = None, ""
    return ParsedEntry(
        line=line,
        day=dt.date.fromisoformat(values.pop("day")),
        value_day=_day(values.pop("value_day")),
        amount=Decimal(values.pop("amount")),
        original_amount=Decimal(original) if original is not None else None,
        **values,
    )


def _statement(
    line: int, values: dict[str, Any], entries: list[ParsedEntry], default_account: str
) -> ParsedStatement | None:
    _check_currency(line, values["currency"])
    other = next((entry for entry in entries if entry.currency != values["currency"]), None)
    if other:
        message = _("Line %(line)d is in %(currency)s, but the account is in %(other)s.")
        raise UnreadableFile(message % {"line": other.line, "currency": other.currency, "other": values["currency"]})
    account = values.pop("account") or default_account
    if not account:
        raise UnreadableFile(_("The file does not name the bank account: enter its number in the form."))
    days = [entry.day for entry in entries]
    days += [day for name in ("from_date", "to_date") if (day := _day(values[name]))]
    if not days:
        return None
    opening, closing = values.pop("opening"), values.pop("closing")
    return ParsedStatement(
        account=account,
        entries=entries,
        opening=None if opening is None else Decimal(opening),
        closing=None if closing is None else Decimal(closing),
        **{**values, "from_date": min(days), "to_date": max(days)},
    )


def _day(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _check_currency(line: int, currency: str) -> None:
    if currency not in money.EXPONENTS:
        message = _("Line %(line)d: “%(text)s” is not a known currency.")
        raise UnreadableFile(message % {"line": line, "text": currency or "–"})


# --- Refusals ----------------------------------------------------------------------------------------------------

_MESSAGES = {
    "no_xml": _lazy(
        "The XML is incomplete or invalid at line %(line)d. Download the statement again; nothing was stored."
    ),
    "much_more": _lazy("The XML is nested too deeply or has too many elements."),
    "no_statement": _lazy("This is not a CAMT.053, MT940 or CSV statement."),
    "other_message": _lazy("This is a %(text)s message. Upload the account statement, CAMT.053."),
    "many_entries": _lazy("The file has too many entries from line %(line)d on: upload shorter periods."),
    "amount": _lazy("Line %(line)d: “%(text)s” is not a valid amount."),
    "balance": _lazy("Line %(line)d: “%(text)s” is not a valid balance."),
    "entry": _lazy("Line %(line)d: “%(text)s” is not a valid entry."),
    "direction": _lazy("Line %(line)d: “%(text)s” is neither credit (CRDT) nor debit (DBIT)."),
    "date": _lazy("Line %(line)d: “%(text)s” is not a date."),
    "no_day": _lazy("The entry at line %(line)d has no booking date."),
    "date_order": _lazy("Line %(line)d: %(text)s is ambiguous. Choose whether the day or the month comes first."),
    "decimal_mark": _lazy(
        "Line %(line)d: %(text)s is ambiguous, because no amount of the file shows its decimal mark. Export the amounts"
        " with two decimals."
    ),
    "no_closing": _lazy("The statement before line %(line)d has no closing balance (:62F:). Nothing was stored."),
    "no_opening": _lazy("The statement that ends at line %(line)d has no opening balance (:60F:)."),
    "no_reference": _lazy("Line %(line)d: %(text)s is outside a statement, which begins with :20:."),
    "cut": _lazy(
        "The file ends at line %(line)d within a statement: its closing balance (:62F:) is missing. Download it again;"
        " nothing was stored."
    ),
    "short_row": _lazy("The row at line %(line)d ends too early: the file may be cut. Nothing was stored."),
    "headings": _lazy(
        "Line %(line)d: the columns of the date and the amount were not recognized. The headings are: %(text)s."
    ),
    "no_rows": _lazy("The file has no rows below the headings at line %(line)d."),
    "no_currency": _lazy("The row at line %(line)d has no currency: choose it in the form."),
    "encoding": _lazy("The file is not text in the chosen encoding, see line %(line)d."),
    "long_line": _lazy("Line %(line)d is too long. A closing quotation mark may be missing."),
    "long_row": _lazy("A row of the file is too long. A closing quotation mark may be missing."),
    "no_csv": _lazy("This is not a valid CSV file."),
    "died": _lazy("Reading the file took too much time or memory. Upload a shorter period."),
}


def message(refusal: FileRefused) -> str:
    """Return why a file is refused, for people."""
    line, _tab, text = refusal.detail.partition("\t")
    values = {"line": int(line) if line.isdecimal() else 1, "text": text or "–"}
    return str(_MESSAGES.get(refusal.reason, _MESSAGES["died"])) % values
