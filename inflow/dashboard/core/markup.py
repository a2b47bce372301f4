"""Cells and fields: badges, bidirectional text, links, dates and times."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.contrib.admin import display
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from invoices import money

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def badge(text: "StrOrPromise", variant: str = "") -> SafeString:
    """Return a status as a coloured label. Variants: info, success, warning, danger, primary, or none."""
    return format_html('<span class="badge badge-{}">{}</span>', variant or "plain", text)


def bdi(text: "StrOrPromise") -> SafeString:
    """Return text that keeps its own direction: an amount, a number, an address."""
    if str(text).startswith("+"):  # a phone number has no letter that shows its direction
        return format_html('<bdi dir="ltr">{}</bdi>', text)
    return format_html("<bdi>{}</bdi>", text)


def amount(value: Decimal, currency: str) -> SafeString:
    """Return an amount with its currency, as a cell or field."""
    return bdi(money.display(value, currency))


def link(url: str, text: object) -> SafeString:
    """Return a link whose text keeps its own direction."""
    return format_html('<a class="text-link" href="{}"><bdi>{}</bdi></a>', url, text)


def isolated(text: str) -> str:
    """Return text that keeps its own direction within a sentence where markup is not possible."""
    return f"\u2068{text}\u2069"


def two_lines(first: "StrOrPromise", second: "StrOrPromise" = "") -> SafeString:
    """Return the content of a cell with a second, subdued line."""
    if not second:
        return bdi(first)
    return format_html('{}<span class="second-line">{}</span>', bdi(first), bdi(second))


def lines(texts: Iterable[str]) -> SafeString:
    """Return the content of a cell with a line for each text; a dash if there is none."""
    return format_html_join("", '<span class="line">{}</span>', ((bdi(text),) for text in texts)) or bdi("–")


def moment(at: dt.datetime | None) -> SafeString:
    """Return the date with the time below it, in the reader's time zone."""
    if at is None:
        return bdi("–")
    local = timezone.localtime(at)
    return two_lines(date_format(local, "DATE_FORMAT"), date_format(local, "TIME_FORMAT"))


def moment_column(title: "StrOrPromise", name: str) -> Any:
    """Return a method of an admin class that shows the date and time `name` of a row, and sorts by it."""
    return display(description=title, ordering=name)(lambda self, row: moment(getattr(row, name)))


def text_column(title: "StrOrPromise", *paths: str) -> Any:
    """Return a method of an admin class that shows the text at the first path, and that at the second one below it."""
    reads = [attrgetter(path.replace("__", ".")) for path in paths]
    return display(description=title, ordering=paths[0])(lambda self, row: two_lines(*(read(row) for read in reads)))
