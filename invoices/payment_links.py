"""Addresses at which a debtor can pay an invoice: its own, or the account's pattern filled in."""

import re
from decimal import Decimal
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from invoices import money
from invoices.errors import Refused
from invoices.models import Invoice, PaymentSettings

PLACEHOLDERS = ("invoice_number", "balance", "currency", "external_id")
_PLACEHOLDER = re.compile(r"\{([a-z_]{1,40})\}")
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


def check_pattern(pattern: str) -> None:
    """Raise `Refused` if a pattern can't be used: it must be an https address with known placeholders after its host,
    so that no invoice decides where a debtor is sent."""
    if not _is_https(pattern):
        raise _refused("not_https", _("Enter an address that begins with https:// and has no spaces."))
    if unknown := [name for name in _PLACEHOLDER.findall(pattern) if name not in PLACEHOLDERS]:
        message = _("{%(name)s} is unknown. Use %(known)s.")
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise _refused("unknown_placeholder", message % {"name": unknown[0], "known": known})
    if re.search("[{}]", _PLACEHOLDER.sub("", pattern)):
        raise _refused("braces", _("Each { needs its }, with the name of a placeholder between them."))


def settings_of(account: Account) -> PaymentSettings:
    """Return the account's settings, or the defaults. They are cached on the `Account` instance."""
    try:
        return account.payment_settings
    except PaymentSettings.DoesNotExist:
        account.payment_settings = PaymentSettings(account=account)
        return account.payment_settings


def is_payable(invoice: Invoice, pattern: str) -> bool:
    """Return True if the debtor can pay the invoice online. `pattern` is the account's."""
    return invoice.is_open and invoice.balance > 0 and bool(url_for(invoice, invoice.balance, pattern))


def url_for(invoice: Invoice, amount: Decimal, pattern: str) -> str:
    """Return the provider's address for an invoice and the amount to pay, or an empty string if there is none."""
    if invoice.payment_url:
        return invoice.payment_url if _is_https(invoice.payment_url) else ""
    values = {
        "invoice_number": invoice.invoice_number,
        "balance": str(money.quantize(amount, invoice.currency)),
        "currency": invoice.currency,
        "external_id": invoice.external_id,
    }
    filled = _PLACEHOLDER.sub(lambda found: quote(values.get(found[1], ""), safe=""), pattern)
    return filled if _is_https(filled) else ""


def _is_https(url: str) -> bool:
    """Return True for an https address with a host, without credentials, braces in the host, or spaces."""
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and not re.search("[@{}]", parts.netloc)
    except ValueError:
        return False


def _refused(code: str, message: str) -> Refused:
    return Refused("payment_url_pattern", code, message)
