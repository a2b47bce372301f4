"""The words of this room: what a message is, where it stands, how it is said."""

from django.db import models


class Kind(models.TextChoices):
    REMINDER = "reminder", "Reminder"
    FOLLOW_UP = "follow_up", "Follow-up"
    FINAL_NOTICE = "final_notice", "Final notice"
    MANUAL = "manual", "Manual"
    PROMISE_FOLLOWUP = "promise_followup", "Promise follow-up"
    THANK_YOU = "thank_you", "Thank you"


class Medium(models.TextChoices):
    EMAIL = "email", "Email"
    SMS = "sms", "SMS"
    WHATSAPP = "whatsapp", "WhatsApp"


class State(models.TextChoices):
    """`scheduled → sending → sent → delivered → read → replied`, and the ways out."""

    SCHEDULED = "scheduled", "Scheduled"
    HELD = "held", "Held for a person"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    REPLIED = "replied", "Replied"
    BOUNCED = "bounced", "Bounced"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown: it may have arrived"
    SUPPRESSED = "suppressed", "Suppressed"
    CANCELLED = "cancelled", "Cancelled"


class StepKind(models.TextChoices):
    REMINDER = Kind.REMINDER.value, "Reminder"
    FOLLOW_UP = Kind.FOLLOW_UP.value, "Follow-up"
    FINAL_NOTICE = Kind.FINAL_NOTICE.value, "Final notice"
    NONE = "none", "No message"


class Tone(models.TextChoices):
    FRIENDLY = "friendly", "Friendly"
    NEUTRAL = "neutral", "Neutral"
    FIRM = "firm", "Firm"


LEFT_US = (State.SENT, State.DELIVERED, State.READ, State.REPLIED, State.BOUNCED)
# Planned, and not yet decided.
PENDING = (State.SCHEDULED, State.HELD, State.SENDING)
# What a debtor may have seen, or may be seeing this moment.
CONTACTED = (State.SENDING, State.SENT, State.DELIVERED, State.READ, State.REPLIED, State.UNKNOWN)
