"""Markup of cells and fields: badges, text with its own direction, moments."""

import datetime as dt
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def badge(text: "StrOrPromise", variant: str = "") -> SafeString:
    """A status as a coloured label. Variants: info, success, warning, danger, primary, or none."""
    return format_html('<span class="badge badge-{}">{}</span>', variant or "plain", text)


def bdi(text: "StrOrPromise") -> SafeString:
    """Text that keeps its own direction: an amount, a number, an address."""
    if str(text).startswith("+"):  # a phone number has no letter that would say which way it runs
        return format_html('<bdi dir="ltr">{}</bdi>', text)
    return format_html("<bdi>{}</bdi>", text)


def isolated(text: str) -> str:
    """The same where no markup goes: in the midst of a sentence."""
    return f"\u2068{text}\u2069"


def two_lines(first: "StrOrPromise", second: "StrOrPromise") -> SafeString:
    """A cell of a list: what counts, and below it, quieter, what goes with it."""
    if not second:
        return bdi(first)
    return format_html('{}<span class="second-line">{}</span>', bdi(first), bdi(second))


def moment(at: dt.datetime | None) -> SafeString:
    """A date and, below it, the time on the reader's wall clock."""
    if at is None:
        return bdi("–")
    local = timezone.localtime(at)
    return two_lines(date_format(local, "DATE_FORMAT"), date_format(local, "TIME_FORMAT"))
