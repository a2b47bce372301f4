"""Timeline sentences about messages. See `invoices/narrative.py`."""

from django.utils.translation import gettext_lazy as _lazy

from communications.delivery import reasons
from communications.models import Kind, Medium, State, StepKind
from inflow.accounts.models import Language
from invoices.narrative import add_words, register

add_words("message", {**dict(StepKind.choices), **dict(Kind.choices)})
add_words("medium", dict(Medium.choices))
add_words("state", dict(State.choices))
add_words("because", reasons.LABELS)
add_words(
    "cause",
    {
        "earlier_step": _lazy("an earlier step did not arrive"),
        "other_step": _lazy("another step is next now"),
        "no_step": _lazy("no step is left"),
        "day_moved": _lazy("its day was moved"),
        "planned_early": _lazy("it was planned too early, by a clock that was ahead"),
        "no_hour_left": _lazy("no hour before the due date is left for it"),
        "promised_anew": _lazy("the promise was given anew"),
    },
)
add_words("decision", {"person": _lazy("a person decided so")})
add_words("language", dict(Language.choices))
add_words("closed", {"paid": _lazy("paid"), "closed": _lazy("closed")})

register(
    "warning",
    _lazy("Written in %(language)s: a template is missing."),
    _lazy("No way to write to this debtor is known: add an email address."),
)
register("failed", _lazy("Message was refused for %(address)s."))
register("unknown", _lazy("Message may not have reached %(address)s."))
register("sent", _lazy("%(message)s sent to %(address)s by %(medium)s."))
register("bounced", _lazy("%(message)s to %(address)s did not arrive."))
register("delivered", _lazy("%(message)s delivered: %(address)s."))
register("read", _lazy("%(message)s read: %(address)s."))
register("replied", _lazy("%(message)s replied: %(address)s."))
register("skipped", _lazy("No reminder before the due date: no hour for it was left."))
register(
    "planned",
    _lazy("Try %(number)s planned for %(moment)s UTC."),
    _lazy("%(message)s planned for %(moment)s (%(zone)s)."),
    _lazy("%(message)s message by %(medium)s."),
)
register(
    "cancelled",
    _lazy("Planned %(message)s dropped: %(cause)s."),
    _lazy("%(message)s is not sent: %(decision)s."),
    _lazy("%(message)s is not sent."),
)
register(
    "suppressed",
    _lazy("Planned messages stopped: the invoice is %(closed)s."),
    _lazy("%(message)s not sent: %(because)s."),
)
register("postponed", _lazy("%(message)s postponed to %(moment)s (%(zone)s): %(because)s."))
register("released", _lazy("%(release)s: %(message)s scheduled for %(moment)s (%(zone)s)."))
register(
    "held",
    _lazy("%(message)s held for approval: it demands %(amount)s."),
    _lazy("%(message)s called back."),
)
register("approved", _lazy("%(message)s released: scheduled for %(moment)s (%(zone)s) unless it is called back."))
add_words(
    "release",
    {
        "synced": _lazy("All payments are recorded"),
        "resumed": _lazy("Messages are switched on again"),
    },
)
