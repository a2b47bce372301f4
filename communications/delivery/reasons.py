"""Labels of the reasons why a message was postponed or not sent. Rows and the API contain the codes."""

from typing import Any

from django.utils.translation import gettext_lazy as _lazy

from communications.schedule import holding

LABELS: dict[str, Any] = {
    **holding.REASONS,
    "held": _lazy("held for approval"),
    "opted_out": _lazy("the debtor has opted out"),
    "no_contact": _lazy("the debtor has no contact details"),
    "invalid_contact": _lazy("the debtor's address is invalid"),
    "paid": _lazy("the invoice is paid"),
    "not_paid": _lazy("the invoice is not paid"),
    "late": _lazy("the payment was too long ago for a thank-you"),
    "no_promise": _lazy("there is no open promise"),
    "closed": _lazy("the invoice is closed"),
    "changed": _lazy("the amounts or facts changed after the first copy"),
    "no_recipient": _lazy("the address is not a recipient of this message any more"),
    "gate_expired": _lazy("it could not be delivered in time"),
    "restored": _lazy("the database was restored from a backup, and the message may have been sent after the backup"),
    "no gateway": _lazy("no gateway is set up for its channel"),
}


def describe(code: str) -> str:
    """Return the label of a reason. Replies of providers are returned unchanged."""
    return str(LABELS.get(code, code.replace("_", " ")))
