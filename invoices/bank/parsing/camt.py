"""CAMT.053 statements (ISO 20022), versions 02 to 12. Elements are found by their names in any namespace.

An entry with several transactions (a batch) becomes one record for each, if their amounts add up to the entry's.
"""

import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from invoices.bank.parsing.records import Entry, Record, Statement, account_number, record, reference, refused
from invoices.imports.errors import FileRefused
from invoices.imports.parsing.xml import Attributes, Handler, read

# Characters of one element's text, and elements of one entry. A batch may have thousands of transactions.
_MAX_VALUE = 2_000
_MAX_NODES = 2_000_000
# Elements whose children are dropped when they are complete, because they become records.
_ENTRY, _STATEMENT, _ROOT = "Ntry", "Stmt", "BkToCstmrStmt"
_OTHER_ROOTS = {"BkToCstmrAcctRpt": "CAMT.052", "BkToCstmrDbtCdtNtfctn": "CAMT.054", "CstmrCdtTrfInitn": "PAIN.001"}
# Sub-families of bank transactions that return an earlier transfer, direct debit, card payment or cheque.
_RETURNS = frozenset({"RRTN", "RPCR", "UPDD", "PRDD", "RVSL", "UPCT", "UPCQ", "CQRV"})
_NUMBER = re.compile(r"\+?\d{1,18}(?:\.\d{0,6})?|\.\d{1,6}", re.ASCII)


@dataclass(slots=True)
class _Node:
    name: str
    line: int
    currency: str = ""
    text: str = ""
    children: "list[_Node]" = field(default_factory=list)

    def all(self, path: str) -> "list[_Node]":
        """Return the elements at a path such as "Acct/Id/IBAN"."""
        found = [self]
        for name in path.split("/"):
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def first(self, *paths: str) -> "_Node | None":
        """Return the first element at the first of the paths that has one."""
        return next((node for path in paths for node in self.all(path)), None)

    def value(self, *paths: str) -> str:
        """Return the text of the first element at these paths that has one."""
        return next((node.text for path in paths for node in self.all(path) if node.text), "")


class _Reader(Handler):
    """Builds the tree of one statement at a time. Complete entries leave it as records."""

    def __init__(self) -> None:
        self._open: list[_Node] = []
        self._nodes = 0
        self.found: list[Record] = []
        self.is_statement = False

    def start(self, name: str, attributes: Attributes) -> None:
        self._nodes += 1
        if name in _OTHER_ROOTS and not self.is_statement:
            raise refused("other_message", self.line(), _OTHER_ROOTS[name])
        self.is_statement = self.is_statement or name == _ROOT
        if self._nodes > _MAX_NODES:
            raise refused("many_entries", self.line())
        self._open.append(_Node(name, self.line(), attributes.get("Ccy", "")[:3].upper()))

    def text(self, text: str) -> None:
        if self._open and len(self._open[-1].text) <= _MAX_VALUE:
            self._open[-1].text += text[: _MAX_VALUE + 1]

    def end(self, name: str) -> None:
        node = self._open.pop()
        node.text = node.text.strip()
        statement = next((each for each in self._open if each.name == _STATEMENT), None)
        if name == _ENTRY and statement:
            entries = _entries(node, statement)
            self.found += [record(node.line, entry) for entry in entries]
            if not entries:
                statement.children.append(_Node("Skipped", node.line))
        elif name == _STATEMENT:
            self._nodes = 0
            self.found.append(record(node.line, _statement(node)))
        elif self._open:
            self._open[-1].children.append(node)

    def take(self) -> list[Record]:
        found, self.found = self.found, []
        return found


def records(file: io.BytesIO) -> Iterator[Record]:
    reader = _Reader()
    try:
        for _ in read(file, reader):
            yield from reader.take()
    except FileRefused as refusal:
        if refusal.reason == "no_workbook":
            raise refused("no_xml", int(refusal.detail)) from refusal
        if refusal.reason == "much_more":
            raise refused("much_more", 1) from refusal
        raise
    if not reader.is_statement:
        raise refused("no_statement", 1)


def _statement(node: _Node) -> Statement:
    currency = node.value("Acct/Ccy")[:3].upper() or next((each.currency for each in node.all("Bal/Amt")), "")
    opening, closing = (_balance(node, codes) for codes in (("OPBD", "PRCD"), ("CLBD",)))
    inner = [each for each in node.all("Bal") if _code(each) == "ITBD"]
    days = sorted(day for each in node.all("Bal") if (day := _day(each, "Dt/Dt", "Dt/DtTm")))
    return Statement(
        account=account_number(node.value("Acct/Id/IBAN", "Acct/Id/Othr/Id"), currency),
        statement_id=node.value("Id"),
        sequence="/".join(filter(None, [node.value("ElctrncSeqNb", "LglSeqNb"), node.value("StmtPgntn/PgNb")])),
        from_date=_day(node, "FrToDt/FrDtTm", "FrToDt/FrDt"),
        to_date=_day(node, "FrToDt/ToDtTm", "FrToDt/ToDt") or (days[-1] if days else ""),
        currency=currency,
        # A statement of several pages has interim balances between them.
        opening=_signed(inner[0]) if opening is None and inner else opening,
        closing=_signed(inner[-1]) if closing is None and inner else closing,
        skipped=len(node.all("Skipped")),
    )


def _code(balance: _Node) -> str:
    return balance.value("Tp/CdOrPrtry/Cd", "Tp/Cd").upper()


def _balance(node: _Node, codes: tuple[str, ...]) -> Decimal | None:
    for code in codes:
        for each in node.all("Bal"):
            if _code(each) == code:
                return _signed(each)
    return None


def _entries(node: _Node, statement: _Node) -> list[Entry]:
    """Return the records of a booked entry: one, or one for each transaction of a batch."""
    status = node.value("Sts/Cd", "Sts/Prtry", "Sts").upper()
    whole = _signed(node)
    if (status and not status.startswith("BOOK")) or not whole:
        return []
    amount = node.first("Amt")
    assert amount is not None
    shared = Entry(
        day=_day(node, "BookgDt/Dt", "BookgDt/DtTm") or _day(node, "ValDt/Dt", "ValDt/DtTm"),
        value_day=_day(node, "ValDt/Dt", "ValDt/DtTm"),
        amount=whole,
        currency=amount.currency or statement.value("Acct/Ccy")[:3].upper(),
        is_return=node.value("RvslInd").lower() in ("true", "1") or _is_return(node),
        text=node.value("AddtlNtryInf"),
        bank_reference=reference(node.value("AcctSvcrRef")),
    )
    if not shared.day:
        raise refused("no_day", node.line)
    details = node.all("NtryDtls/TxDtls")
    parts = [_part(each, shared, whole) for each in details]
    amounts = [part for part in parts if part is not None]
    if len(details) > 1 and len(amounts) == len(details) and sum(amounts) == whole:
        return [
            _detailed(each, shared, part, is_shared=True) for each, part in zip(details, amounts, strict=True) if part
        ]
    if len(details) == 1:
        return [_detailed(details[0], shared, whole, is_shared=False)]
    texts = [shared.text, *(text for each in details for text in _texts(each))]
    shared.text = " ".join(dict.fromkeys(filter(None, texts)))
    shared.is_return = shared.is_return or any(_is_return(each) for each in details)
    return [shared]


def _part(details: _Node, shared: Entry, whole: Decimal) -> Decimal | None:
    """Return the signed amount of a transaction in the entry's currency, or None if it has none."""
    amount = details.first("Amt", "AmtDtls/TxAmt/Amt")
    if amount is None or (amount.currency and amount.currency != shared.currency):
        return None
    direction = details.value("CdtDbtInd") or ("CRDT" if whole > 0 else "DBIT")
    return _number(amount) * _sign(direction, amount.line)


def _detailed(details: _Node, shared: Entry, amount: Decimal, *, is_shared: bool) -> Entry:
    own = reference(details.value("Refs/AcctSvcrRef"))
    # The other party: who paid, or who was paid.
    parties, account = ("UltmtDbtr", "Dbtr"), "DbtrAcct"
    if amount < 0:
        parties, account = ("UltmtCdtr", "Cdtr"), "CdtrAcct"
    names = [f"RltdPties/{party}/{name}" for party in parties for name in ("Nm", "Pty/Nm")]
    original = details.first("AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt")
    is_foreign = original is not None and bool(original.currency) and original.currency != shared.currency
    reason = details.value("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry")
    return Entry(
        day=shared.day,
        value_day=shared.value_day,
        amount=amount,
        currency=shared.currency,
        original_amount=_number(original) if is_foreign and original else None,
        original_currency=original.currency if is_foreign and original else "",
        is_return=shared.is_return or _is_return(details),
        return_reason=" ".join(filter(None, [reason, details.value("RtrInf/AddtlInf")])),
        payer_name=details.value(*names),
        payer_account=account_number(details.value(f"RltdPties/{account}/Id/IBAN", f"RltdPties/{account}/Id/Othr/Id")),
        text=" ".join(_texts(details)) or shared.text,
        end_to_end=reference(details.value("Refs/EndToEndId")),
        bank_reference=own or shared.bank_reference,
        is_shared=is_shared and not own,
    )


def _is_return(node: _Node) -> bool:
    """Return True if an entry or one of its transactions takes an earlier payment back."""
    return bool(node.all("RtrInf")) or node.value("BkTxCd/Domn/Fmly/SubFmlyCd") in _RETURNS


def _texts(details: _Node) -> list[str]:
    """Return the remittance information, free and structured."""
    paths = (
        *("RmtInf/Ustrd", "RmtInf/Strd/RfrdDocInf/Nb", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/AddtlRmtInf"),
        "AddtlTxInf",
    )
    return [node.text for path in paths for node in details.all(path) if node.text]


def _day(node: _Node, *paths: str) -> str:
    """Return the date at one of these paths. A date with time is the bank's local one."""
    found = node.first(*paths)
    if found is None or not found.text:
        return ""
    try:
        return dt.date.fromisoformat(found.text[:10]).isoformat()
    except ValueError as error:
        raise refused("date", found.line, found.text[:40]) from error


def _signed(node: _Node) -> Decimal:
    amount = node.first("Amt")
    if amount is None:
        raise refused("amount", node.line)
    return _number(amount) * _sign(node.value("CdtDbtInd"), node.line)


def _sign(direction: str, line: int) -> int:
    if direction not in ("CRDT", "DBIT"):
        raise refused("direction", line, direction[:40])
    return 1 if direction == "CRDT" else -1


def _number(node: _Node) -> Decimal:
    if not _NUMBER.fullmatch(node.text):
        raise refused("amount", node.line, node.text[:40])
    return Decimal(node.text)
