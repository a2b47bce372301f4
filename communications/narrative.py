"""Timeline sentences about messages. See `invoices/narrative.py`."""

from django.utils.translation import gettext_lazy as _lazy

from communications.delivery import reasons
from communications.models import CallOutcome, Kind, Medium, State, StepKind
from inflow.accounts.models import Language
from invoices.narrative import add_labels, register

add_labels("message", {**dict(StepKind.choices), **dict(Kind.choices)})
add_labels("medium", dict(Medium.choices))
add_labels("state", dict(State.choices))
add_labels("because", reasons.LABELS)
add_labels(
    "cause",
    {
        "earlier_step": _lazy("an earlier message was not delivered"),
        "other_step": _lazy("a different step is next"),
        "no_step": _lazy("no steps are left"),
        "day_moved": _lazy("its date has changed"),
        "planned_early": _lazy("it was scheduled too early because the system clock was ahead"),
        "no_hour_left": _lazy("no contact hours are left before the due date"),
        "promised_anew": _lazy("there is a newer promise"),
    },
)
add_labels("decision", {"person": _lazy("a user cancelled it")})
add_labels("outcome", dict(CallOutcome.choices))
add_labels("language", dict(Language.choices))
add_labels("closed", {"paid": _lazy("paid"), "closed": _lazy("closed")})

register(
    "warning",
    _lazy("Written in %(language)s because a template is missing."),
    _lazy("The debtor has no contact details: add an email address."),
)
register("failed", _lazy("Message to %(address)s was refused."))
register("unknown", _lazy("Message may not have reached %(address)s."))
register("sent", _lazy("%(message)s sent to %(address)s by %(medium)s."))
register("bounced", _lazy("%(message)s to %(address)s bounced."))
register("delivered", _lazy("%(message)s delivered to %(address)s."))
register("read", _lazy("%(message)s read by %(address)s."))
register("replied", _lazy("%(message)s answered by %(address)s."))
register("skipped", _lazy("No reminder before the due date: no contact hours were left."))
register(
    "planned",
    _lazy("Attempt %(number)s scheduled for %(moment)s UTC."),
    _lazy("%(message)s scheduled for %(moment)s (%(zone)s)."),
    _lazy("%(message)s message by %(medium)s."),
)
register(
    "cancelled",
    _lazy("Scheduled %(message)s cancelled: %(cause)s."),
    _lazy("%(message)s is not sent: %(decision)s."),
    _lazy("%(message)s is not sent."),
)
register(
    "suppressed",
    _lazy("Scheduled messages cancelled: the invoice is %(closed)s."),
    _lazy("%(message)s not sent: %(because)s."),
)
register("postponed", _lazy("%(message)s postponed to %(moment)s (%(zone)s): %(because)s."))
register("released", _lazy("%(release)s: %(message)s scheduled for %(moment)s (%(zone)s)."))
register("held", _lazy("%(message)s for %(amount)s held for approval."), _lazy("%(message)s recalled."))
register("approved", _lazy("%(message)s released: scheduled for %(moment)s (%(zone)s) unless it is recalled."))
add_labels("release", {"synced": _lazy("All payments are recorded"), "resumed": _lazy("Messages were resumed")})
register("call_due", _lazy("A call is due by %(moment)s (%(zone)s)."))
register("call_logged", _lazy("Call logged: %(outcome)s."))
register("call_expired", _lazy("The call was not made in time."))
