"""Exports of accounting programs and meanings of headings, from `headings.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass

from invoices.imports.headings import table

TABLE = table("headings.toml")
IN_COMPANY_CURRENCY: str = TABLE["in_company_currency"]
TOTALS: str = TABLE["totals"]
WHOLE_INVOICE: str = TABLE["whole_invoice"]
EITHER: str = TABLE["either"]
OF_LINES: str = TABLE["of_lines"]
PARTS_OF_A_TOTAL: str = TABLE["parts_of_a_total"]
COMMON_UNUSED: str = TABLE["common_unused"]


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """An export of a program. Headings are separated by "|" or a new line.

    `signs` are sets of headings, of which one must be present as a whole. `headings` are those of each field, the best
    one first. `unused` are known columns that are not needed.
    """

    name: str
    signs: tuple[str, ...]
    headings: Mapping[str, str]
    unused: str


PRODUCTS = tuple(
    Product(each["name"], tuple(each["signs"]), each["headings"], each.get("unused") or TABLE["unused"][each["name"]])
    for each in TABLE["products"]
)
