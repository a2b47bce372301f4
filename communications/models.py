"""What was, is or will be written to debtors."""

import datetime as dt
import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from inflow.accounts.models import Account, Language
from invoices.models import AccountQuerySet, Debtor, Invoice


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


def every_medium() -> list[str]:
    return list(Medium.values)


class ReminderPolicy(models.Model):
    """A ladder: its steps are taken in order of their days from the due date."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="policies")
    name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = "reminder policies"
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="policy_name_is_unique_in_its_account"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_default=True), name="one_default_policy_for_an_account"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyStep(models.Model):
    """A step of a ladder. `channels` in order of preference; `escalates_to` fires when the step is done."""

    policy = models.ForeignKey(ReminderPolicy, on_delete=models.CASCADE, related_name="steps")
    offset_days = models.SmallIntegerField("days from the due date")
    kind = models.CharField(max_length=20, choices=StepKind)
    tone = models.CharField(max_length=10, choices=Tone, default=Tone.NEUTRAL)
    channels = ArrayField(models.CharField(max_length=10, choices=Medium), default=every_medium)
    escalates_to = models.PositiveSmallIntegerField(null=True, blank=True, choices=[(1, "Level 1"), (2, "Level 2")])

    class Meta:
        ordering = ["offset_days"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "offset_days"], name="one_step_a_day_in_a_policy"),
            models.CheckConstraint(
                condition=Q(offset_days__gte=-365, offset_days__lte=3650), name="a_step_lies_within_ten_years"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on day {self.offset_days:+d}"


class CollectionSettings(models.Model):
    """When an account does not write. A window that closes before it opens goes across midnight."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="collection")
    opens_at = models.TimeField(default=dt.time(9))
    closes_at = models.TimeField(default=dt.time(18))
    hours_between = models.PositiveSmallIntegerField(
        default=72, validators=[MinValueValidator(1)], help_text="At least so many hours between two contacts."
    )
    most_in_7_days = models.PositiveSmallIntegerField(default=2, validators=[MinValueValidator(1)])
    is_stopped = models.BooleanField("stop all messages", default=False)
    stopped_channels = ArrayField(models.CharField(max_length=10, choices=Medium), default=list, blank=True)
    stale_after_hours = models.PositiveSmallIntegerField(
        "payments are stale after",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Hours without a payment recorded or synced, after which nothing is sent by itself. Empty: never.",
    )
    payments_synced_at = models.DateTimeField(
        null=True, editable=False, help_text="When somebody last said that all payments are recorded: account's time."
    )
    cool_off_hours = models.PositiveSmallIntegerField(
        "cool-off",
        default=24,
        help_text="Hours in which a final notice that somebody released can still be called back.",
    )

    class Meta:
        verbose_name_plural = "collection settings"
        constraints = [
            models.CheckConstraint(condition=~Q(opens_at=models.F("closes_at")), name="the_window_is_open_sometimes"),
            models.CheckConstraint(
                condition=Q(hours_between__gte=1, most_in_7_days__gte=1), name="caps_allow_one_contact"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opens_at:%H:%M}-{self.closes_at:%H:%M}"


class ApprovalLimit(models.Model):
    """A final notice for more than this is held until somebody has looked at it."""

    settings = models.ForeignKey(CollectionSettings, on_delete=models.CASCADE, related_name="approval_limits")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    amount = models.DecimalField(max_digits=18, decimal_places=3, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["settings", "currency"], name="one_approval_limit_for_a_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"


class Contact(models.Model):
    """What is known of one address: that it bounced, or that its owner does not want to be written to there."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=254)
    invalid_at = models.DateTimeField(null=True)
    invalid_because = models.CharField(max_length=300, blank=True)
    opted_out_at = models.DateTimeField(null=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "address"], name="a_contact_is_known_once"),
        ]

    def __str__(self) -> str:
        return self.address


class MessageTemplate(models.Model):
    """An account's own words, in front of the built-in ones. See `communications/wording.py` for their language."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    tone = models.CharField(max_length=10, choices=Tone, blank=True, help_text="Empty: any.")
    channel = models.CharField(max_length=10, choices=Medium)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=500, blank=True, help_text="Of an email.")
    body = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "tone", "channel", "language"],
                name="a_template_is_written_once_for_its_use",
            ),
            models.CheckConstraint(
                condition=~Q(channel="email") | ~Q(subject=""), name="a_template_of_an_email_has_a_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.tone or 'any tone'}, {self.channel}, {self.language}"


class SenderProfile(models.Model):
    """How an account introduces itself in its messages."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="sender_profile")
    display_name = models.CharField(max_length=100, blank=True, help_text="The sender's name. Empty: the account's.")
    reply_to = models.EmailField("replies go to", blank=True)
    phone = models.CharField("signature phone", max_length=40, blank=True)
    payment_en = models.TextField(
        "payment instructions in English", max_length=1000, blank=True, help_text="Plain text: bank, account, IBAN."
    )
    payment_ar = models.TextField("payment instructions in Arabic", max_length=1000, blank=True)
    logo = models.BinaryField(null=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    def __str__(self) -> str:
        return self.display_name or self.account.name


class Gateway(models.Model):
    """Through which an account's SMS or WhatsApp messages go: an HTTP server that speaks Twilio's Messages API."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="gateways")
    channel = models.CharField(
        max_length=10, choices=[(each.value, each.label) for each in (Medium.SMS, Medium.WHATSAPP)]
    )
    base_url = models.CharField("base URL", max_length=200)
    account_sid = models.CharField("account SID", max_length=64)
    sealed_auth_token = models.TextField(editable=False)
    sender = models.CharField(
        max_length=64, help_text="A number (+971…), a registered sender name, or a messaging service (MG…)."
    )
    # Approved WhatsApp templates: `kind.language` to the provider's id.
    content_sids = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["account", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["account", "channel"], name="one_gateway_for_a_channel"),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp"]), name="a_gateway_is_for_sms_or_whatsapp"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} by {self.sender}"


class Notice(models.Model):
    """That an account's admins were told of something, and when; so that they are told once a day."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=20)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "about"], name="one_notice_about_each_thing")]

    def __str__(self) -> str:
        return self.about


class Source(models.TextChoices):
    """Where somebody said whether they want to be written to."""

    PAGE = "page", "The debtor's page"
    UNSUBSCRIBE = "unsubscribe", "The mail's unsubscribe"
    SMS = Medium.SMS.value, "SMS"
    WHATSAPP = Medium.WHATSAPP.value, "WhatsApp"
    STAFF = "staff", "Staff"
    PROVIDER = "provider", "The provider"


class Wish(models.TextChoices):
    OPTED_OUT = "opted_out", "Opted out"
    OPTED_IN = "opted_in", "Opted in again"


class ConsentEntry(models.Model):
    """Who asked to be left alone, or to hear from us again, and in what words. Append-only."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="consents")
    channel = models.CharField(max_length=10, choices=Medium, blank=True, help_text="Empty: all channels.")
    address = models.CharField(max_length=254, blank=True)
    what = models.CharField(max_length=10, choices=Wish)
    source = models.CharField(max_length=12, choices=Source)
    text = models.TextField(blank=True, help_text="What was said, or the reason.")
    at = models.DateTimeField(help_text="The account's time.")
    actor = models.CharField(max_length=254)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = "consent log"
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(what__in=Wish.values), name="a_wish_is_known"),
            models.CheckConstraint(
                condition=~Q(what="opted_in", text=""), name="who_is_written_to_again_has_a_reason_in_the_log"
            ),
        ]
        indexes = [models.Index(fields=["account", "-at", "-id"], name="consent_newest")]

    def __str__(self) -> str:
        return f"{self.get_what_display()}: {self.address or 'all channels'}"


class AnswerKind(models.TextChoices):
    PAID = "paid", "Has paid"
    PROMISE = "promise", "Will pay"
    DISPUTE = "dispute", "Disputes"


class AnswerStatus(models.TextChoices):
    PROPOSED = "proposed", "Waits for you"
    CONFIRMED = "confirmed", "Confirmed"
    DISMISSED = "dismissed", "Dismissed"


class Answer(models.Model):
    """What a debtor said of one invoice on their page. `day` is that of the payment, or the one they will pay on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="answers")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="answers")
    kind = models.CharField(max_length=10, choices=AnswerKind)
    status = models.CharField(max_length=10, choices=AnswerStatus, default=AnswerStatus.PROPOSED)
    took_effect = models.BooleanField(default=False, help_text="At once, without a person.")
    day = models.DateField(null=True)
    reference = models.CharField(max_length=100, blank=True)
    text = models.TextField(blank=True)
    # Both in the account's time.
    said_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    handled_by = models.CharField(max_length=254, blank=True)
    handled_because = models.TextField(blank=True)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        ordering = ["-said_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "kind"],
                condition=Q(status="proposed"),
                name="one_answer_of_a_kind_waits_for_an_invoice",
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(kind="promise", took_effect=True),
                name="an_invoice_is_promised_once_from_the_page",
            ),
            models.CheckConstraint(condition=Q(status__in=AnswerStatus.values), name="answer_status_is_known"),
        ]
        indexes = [
            models.Index(fields=["account", "-said_at", "-id"], name="answer_newest"),
            models.Index(fields=["debtor"], name="answer_waiting", condition=Q(status="proposed")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.invoice}"


class Communication(models.Model):
    """One message about one invoice, from its plan to its answer. What was sent is frozen on it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Several invoices in one message share it.
    message_id = models.UUIDField(default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="communications")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, related_name="communications")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="communications")
    round = models.PositiveSmallIntegerField(default=0)
    step = models.SmallIntegerField(null=True, help_text="The step's offset from the due date, in days.")
    kind = models.CharField(max_length=20, choices=Kind)
    try_number = models.PositiveSmallIntegerField(default=1)
    channel = models.CharField(max_length=10, choices=Medium)
    status = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    waits_for = models.CharField(max_length=20, blank=True, editable=False, help_text="Why it was postponed last.")
    suppressed_reason = models.CharField(max_length=40, blank=True)
    recipient = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=2, choices=Language)
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    tone = models.CharField(max_length=10, choices=Tone, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=3, null=True, help_text="The balance as it was sent.")
    scheduled_for = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True, editable=False, help_text="By the wall: who is still sending.")
    created_at = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    provider_id = models.CharField(max_length=64, blank=True, editable=False, help_text="The gateway's own id.")
    closes_channel = models.BooleanField(
        default=False, editable=False, help_text="Failed for good: this step goes on by another channel."
    )
    segments = models.PositiveSmallIntegerField(null=True, editable=False, help_text="Of an SMS: what is paid for.")
    approved_at = models.DateTimeField(null=True, editable=False, help_text="When it was released, held before.")
    approved_by = models.CharField(max_length=254, blank=True, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name = "message"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind", "try_number"],
                name="a_step_is_tried_once_per_number",
            ),
            models.UniqueConstraint(
                fields=["invoice", "round", "step", "kind"],
                condition=Q(status__in=["scheduled", "held", "sending"]),
                name="one_try_of_a_step_at_a_time",
            ),
            models.CheckConstraint(condition=Q(status__in=State.values), name="communication_status_is_known"),
            # One message may speak of several invoices.
            models.UniqueConstraint(
                fields=["account", "provider_id", "invoice"],
                condition=~Q(provider_id=""),
                name="a_provider_id_is_of_one_message",
            ),
        ]
        indexes = [
            models.Index(fields=["scheduled_for"], name="communication_due", condition=Q(status="scheduled")),
            models.Index(fields=["claimed_at"], name="communication_claimed", condition=Q(status="sending")),
            models.Index(
                fields=["debtor", "scheduled_for"], name="communication_of_debtor_due", condition=Q(status="scheduled")
            ),
            models.Index(
                fields=["debtor", "sent_at"], name="communication_contacts", condition=Q(sent_at__isnull=False)
            ),
            models.Index(fields=["account", "-sent_at", "-id"], name="communication_by_sending"),
            models.Index(fields=["account", "-created_at", "-id"], name="communication_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.recipient}"


class Triage(models.TextChoices):
    """What an answer seems to say."""

    STOP = "stop", "Stop writing"
    PAID = "paid", "Has paid"
    PROMISE = "promise", "Will pay"
    DISPUTE = "dispute", "Disputes it"
    WRONG_PERSON = "wrong_person", "Wrong person"
    OTHER = "other", "Something else"


class ReplyStatus(models.TextChoices):
    PROPOSED = "proposed", "To be read"
    CONFIRMED = "confirmed", "Confirmed"
    DISMISSED = "dismissed", "Dismissed"


class Reply(models.Model):
    """What somebody wrote back, and what the rules make of it: a proposal for a person, but for `stop`, which acted.

    `received_at` and `handled_at` are the account's time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="replies")
    debtor = models.ForeignKey(Debtor, on_delete=models.PROTECT, null=True, related_name="replies")
    communication = models.ForeignKey(Communication, on_delete=models.PROTECT, null=True, related_name="replies")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=10, choices=Medium)
    address = models.CharField(max_length=254)
    text = models.TextField()
    provider_id = models.CharField(max_length=255)
    triage = models.CharField(max_length=12, choices=Triage)
    promised_on = models.DateField(null=True, help_text="The day that the text names.")
    status = models.CharField(max_length=10, choices=ReplyStatus, default=ReplyStatus.PROPOSED)
    handled_by = models.CharField(max_length=254, blank=True)
    handled_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = models.Manager.from_queryset(AccountQuerySet)()

    class Meta:
        verbose_name_plural = "replies"
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "provider_id"], name="a_reply_is_heard_once"),
        ]
        indexes = [
            models.Index(fields=["debtor"], name="reply_to_be_read", condition=Q(status="proposed")),
            models.Index(fields=["account", "-received_at", "-id"], name="reply_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_triage_display()}, {self.address}"
