"""Number formats of cells: dates and currencies."""

import re
from dataclasses import dataclass

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format

from invoices.imports.errors import FileRefused
from invoices.imports.parsing.bounds import MAX_FORMATS
from invoices.imports.parsing.xml import Attributes, Handler

_MAX_FORMAT = 255  # Excel's


@dataclass(frozen=True, slots=True)
class Format:
    is_date: bool
    is_duration: bool
    sign: str


PLAIN = Format(is_date=False, is_duration=False, sign="")


class Styles(Handler):
    def __init__(self, currencies: frozenset[str]) -> None:
        self._currencies = currencies
        self._codes: dict[str, str] = {str(number): code for number, code in BUILTIN_FORMATS.items()}
        self._of_cells: list[str] = []
        self._is_inside = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "numFmt" and "numFmtId" in attributes:
            self._codes[attributes["numFmtId"][:10]] = attributes.get("formatCode", "")[:_MAX_FORMAT]
        elif name == "cellXfs":
            self._is_inside = True
        elif name == "xf" and self._is_inside:
            self._of_cells.append(attributes.get("numFmtId", "0")[:10])
        if len(self._of_cells) > MAX_FORMATS or len(self._codes) > MAX_FORMATS:
            raise FileRefused("much_more")

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._is_inside = False

    def formats(self) -> list[Format]:
        """Return the format of each cell style, in order."""
        known = {number: self._read(self._codes.get(number, "")) for number in set(self._of_cells)}
        return [known[number] for number in self._of_cells]

    def _read(self, code: str) -> Format:
        return Format(is_date_format(code), is_timedelta_format(code), _currency_of(code, self._currencies))


def _currency_of(code: str, currencies: frozenset[str]) -> str:
    """Return the currency of a format such as `[$USD] #,##0.00`, `"AED" 0.00` or `$#,##0`. `[$-409]` has none."""
    shown = code[:200].split(";")[0]
    plain = re.sub(r'\[[^\]]*\]|"[^"]*"', "", shown)
    named = re.findall(r'\[\$([^\]-]{1,10})|"([^"]{1,10})"', shown)
    parts = [*(code or text for code, text in named), *re.findall("[$€£₹]", plain)]
    return next((sign for part in parts if (sign := part.strip(" .\u00a0")) in currencies), "")
