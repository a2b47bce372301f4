"""Choices: kinds, channels, states and tones of messages."""

from django.db import models
from django.utils.translation import gettext_lazy as _lazy


class Kind(models.TextChoices):
    REMINDER = "reminder", _lazy("Reminder")
    FOLLOW_UP = "follow_up", _lazy("Follow-up")
    FINAL_NOTICE = "final_notice", _lazy("Final notice")
    MANUAL = "manual", _lazy("Manual")
    STATEMENT = "statement", _lazy("Statement of account")
    PROMISE_FOLLOWUP = "promise_followup", _lazy("Promise follow-up")
    THANK_YOU = "thank_you", _lazy("Thank you")


class Medium(models.TextChoices):
    EMAIL = "email", _lazy("Email")
    SMS = "sms", _lazy("SMS")
    WHATSAPP = "whatsapp", _lazy("WhatsApp")


class State(models.TextChoices):
    """States of a message: `scheduled → sending → sent → delivered → read → replied`, and final states."""

    SCHEDULED = "scheduled", _lazy("Scheduled")
    HELD = "held", _lazy("Held for approval")
    SENDING = "sending", _lazy("Sending")
    SENT = "sent", _lazy("Sent")
    DELIVERED = "delivered", _lazy("Delivered")
    READ = "read", _lazy("Read")
    REPLIED = "replied", _lazy("Replied")
    BOUNCED = "bounced", _lazy("Bounced")
    FAILED = "failed", _lazy("Failed")
    UNKNOWN = "unknown", _lazy("Unknown: may have been delivered")
    SUPPRESSED = "suppressed", _lazy("Suppressed")
    CANCELLED = "cancelled", _lazy("Cancelled")


class StepKind(models.TextChoices):
    REMINDER = Kind.REMINDER.value, _lazy("Reminder")
    FOLLOW_UP = Kind.FOLLOW_UP.value, _lazy("Follow-up")
    FINAL_NOTICE = Kind.FINAL_NOTICE.value, _lazy("Final notice")
    CALL = "call", _lazy("Call")
    NONE = "none", _lazy("No message")


# Steps that send no message.
WITHOUT_MESSAGE = (StepKind.CALL, StepKind.NONE)


class Tone(models.TextChoices):
    FRIENDLY = "friendly", _lazy("Friendly")
    NEUTRAL = "neutral", _lazy("Neutral")
    FIRM = "firm", _lazy("Firm")


LEFT_US = (State.SENT, State.DELIVERED, State.READ, State.REPLIED, State.BOUNCED)
# Not sent or ended yet.
PENDING = (State.SCHEDULED, State.HELD, State.SENDING)
# Messages that the debtor may have received. They count as contacts.
CONTACTED = (State.SENDING, State.SENT, State.DELIVERED, State.READ, State.REPLIED, State.UNKNOWN)
