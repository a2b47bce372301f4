"""Labels of the reasons why a message was postponed or not sent. Rows and the API contain the codes."""

from typing import Any

from django.utils.translation import gettext_lazy as _lazy

from communications.schedule import holding

LABELS: dict[str, Any] = {
    **holding.REASONS,
    "held": _lazy("held until somebody has looked at it"),
    "opted_out": _lazy("the debtor asked not to be written to"),
    "no_contact": _lazy("no way to write to this debtor is known"),
    "invalid_contact": _lazy("the debtor's address does not work"),
    "paid": _lazy("the invoice is paid"),
    "not_paid": _lazy("the invoice is not paid"),
    "late": _lazy("the payment is too long ago to say thank you"),
    "no_promise": _lazy("no promise is open"),
    "closed": _lazy("the invoice is closed"),
    "gate_expired": _lazy("it took too long to be handed over"),
    "restored": _lazy("the database was restored from a backup, and it may have left after the backup was taken"),
    "no gateway": _lazy("no gateway is set up for its channel"),
}


def describe(code: str) -> str:
    """Return the label of a reason. Replies of providers are returned unchanged."""
    return str(LABELS.get(code, code.replace("_", " ")))
