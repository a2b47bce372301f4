"""Reading of an electronic invoice: UBL 2.1, also in the profiles of PINT AE and ZATCA.

The parsing process imports this module, so it must not import Django. DTDs and entities are refused.
"""

from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

from invoices.documents.bounds import MAX_ELEMENTS, MAX_VALUE
from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_DEPTH, MAX_TOKEN

_PIECE = 64 * 1024
_SCHEMA = "urn:oasis:names:specification:ubl:schema:xsd:"
_ROOTS = {f"{_SCHEMA}Invoice-2 Invoice": "invoice", f"{_SCHEMA}CreditNote-2 CreditNote": "credit_note"}
_PARTY = "Party/PartyLegalEntity/RegistrationName", "Party/PartyName/Name"
# The values that are kept, by their paths below the root. The first path that occurs counts.
_PATHS: dict[str, tuple[str, ...]] = {
    "customization": ("CustomizationID",),
    "profile": ("ProfileID",),
    "number": ("ID",),
    "issue_date": ("IssueDate",),
    "due_date": ("DueDate", "PaymentMeans/PaymentDueDate"),
    "currency": ("DocumentCurrencyCode",),
    "purchase_order": ("OrderReference/ID",),
    "supplier": tuple(f"AccountingSupplierParty/{path}" for path in _PARTY),
    "supplier_tax_id": ("AccountingSupplierParty/Party/PartyTaxScheme/CompanyID",),
    "customer": tuple(f"AccountingCustomerParty/{path}" for path in _PARTY),
    "customer_tax_id": ("AccountingCustomerParty/Party/PartyTaxScheme/CompanyID",),
    "tax": ("TaxTotal/TaxAmount",),
    "amount": ("LegalMonetaryTotal/TaxInclusiveAmount", "LegalMonetaryTotal/PayableAmount"),
    "payable": ("LegalMonetaryTotal/PayableAmount",),
}
_WANTED = {path for paths in _PATHS.values() for path in paths}


def values(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of an electronic invoice. Raise `FileRefused` if the file is none."""
    found = _Reader().read(file)
    for name, paths in _PATHS.items():
        if value := next((found[path] for path in paths if found.get(path)), ""):
            yield name, value
    yield "document", found[""]
    yield "format", _format(found.get("CustomizationID", ""), found.get("ProfileID", ""))


def _format(customization: str, profile: str) -> str:
    if "pint" in customization.lower():
        return "PINT AE" if "@ae" in customization.lower() else "PINT"
    return "ZATCA" if profile.startswith("reporting:") else "UBL 2.1"


class _Reader:
    """One pass through the XML that keeps the wanted texts by path. The empty path is the kind of the root."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._names: list[str] = []
        self._text: list[str] = []
        self._elements = self._pending = 0

    def read(self, file: IO[bytes]) -> dict[str, str]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._add
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
        try:
            while piece := file.read(_PIECE):
                self._pending += len(piece)
                parser.Parse(piece, False)
                # expat parses a token from its beginning with each piece, so that a long one takes quadratic time.
                if self._pending > MAX_TOKEN:
                    raise FileRefused("too_complex")
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise FileRefused("no_xml") from error
        return self.found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._pending = 0
        self._elements += 1
        if not self._names:
            if name not in _ROOTS:
                raise FileRefused("no_ubl", name)
            self.found[""] = _ROOTS[name]
        if len(self._names) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise FileRefused("too_complex")
        self._names.append(name.rpartition(" ")[2])
        self._text = []

    def _add(self, text: str) -> None:
        self._pending = 0
        if sum(map(len, self._text)) < MAX_VALUE:
            self._text.append(text[:MAX_VALUE])

    def _end(self, name: str) -> None:
        path = "/".join(self._names[1:])
        self._names.pop()
        if path in _WANTED and path not in self.found:
            text = "".join(self._text).replace("\0", "")
            self.found[path] = " ".join(text.split())[:MAX_VALUE]
        self._text = []


def _refuse(*_: object) -> None:
    raise FileRefused("doctype")
