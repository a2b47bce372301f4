"""Which ladder chases an invoice, and what becomes of its invoices when it changes."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from communications.models import Medium, PolicyStep, ReminderPolicy, StepKind, Tone
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import lifecycle
from invoices.models import OPEN, Debtor, Invoice, InvoiceQuerySet

# In the order in which they are preferred where nothing else is said.
EVERY_CHANNEL = (Medium.EMAIL, Medium.WHATSAPP, Medium.SMS)


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it is said. See `PolicyStep`."""

    offset_days: int
    kind: str
    tone: str = Tone.NEUTRAL
    escalates_to: int | None = None
    channels: Sequence[str] = EVERY_CHANNEL


_Ladders = dict[int | None, list[PolicyStep]]
_remembered: ContextVar[_Ladders | None] = ContextVar("ladders", default=None)
# Where an invoice, which lives for one transaction, keeps the steps it was shown.
_KNOWN = "_ladders"
DEFAULT_NAME = "Standard"
DEFAULT = (
    Step(-3, StepKind.REMINDER, Tone.FRIENDLY),
    Step(1, StepKind.REMINDER, Tone.FRIENDLY),
    Step(7, StepKind.FOLLOW_UP, Tone.NEUTRAL),
    Step(14, StepKind.FOLLOW_UP, Tone.FIRM),
    Step(21, StepKind.FINAL_NOTICE, Tone.FIRM, escalates_to=1),
    Step(35, StepKind.NONE, escalates_to=2),
)


def default_for(account: Account) -> ReminderPolicy:
    """The account's default policy. One that came before there were any has it made at its first use."""
    policy: ReminderPolicy | None = ReminderPolicy.objects.for_account(account).filter(is_default=True).first()
    if policy is None:
        with transaction.atomic():
            made = [ReminderPolicy(account=account, name=DEFAULT_NAME, is_default=True)]
            ReminderPolicy.objects.bulk_create(made, ignore_conflicts=True)
            # Whoever else makes it at this moment waits here for the steps.
            policy = ReminderPolicy.objects.select_for_update().get(account=account, is_default=True)
            if not policy.steps.exists():
                _write_steps(policy, DEFAULT)
    return policy


def steps_of(invoice: Invoice) -> list[PolicyStep]:
    """In order. None for an invoice that is not chased."""
    if not invoice.is_chased:
        return []
    remembered = _remembered.get()
    known: _Ladders = vars(invoice).setdefault(_KNOWN, {}) if remembered is None else remembered
    policy_id = invoice.policy_id
    if policy_id not in known:
        known[policy_id] = _steps_of(invoice)
    return known[policy_id]


@contextmanager
def remembered() -> Iterator[None]:
    """For a leap of one account's clock: its policies are read once, as they were when it began."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def look_once(invoices: Iterable[Invoice]) -> None:
    """Let these invoices of one account, locked together, share what they read of their policies."""
    known: _Ladders = {}
    for invoice in invoices:
        vars(invoice)[_KNOWN] = known


def _steps_of(invoice: Invoice) -> list[PolicyStep]:
    policy = _policy(id=invoice.policy_id) if invoice.policy_id else _default(account=invoice.account_id)
    steps = _steps_at(**policy[0]) if policy else []
    if not steps and not invoice.policy_id:
        steps = list(default_for(invoice.account).steps.order_by("offset_days"))
    return steps


# By policy, the steps of one of its revisions. They are the same for whoever is shown that revision, and only read.
_known: dict[int, tuple[int, list[PolicyStep]]] = {}
_MAX_KNOWN = 1_000


def _steps_at(*, id: int, revision: int) -> list[PolicyStep]:
    """The steps of the policy at this revision, or at a later one."""
    known_revision, steps = _known.get(id, (None, []))
    if known_revision == revision:
        return steps
    steps = _steps(policy=id)
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[id] = revision, steps
    return steps


@compiled
def _default(*, account: uuid.UUID) -> QuerySet[ReminderPolicy, dict[str, int]]:
    return ReminderPolicy.objects.filter(account=account, is_default=True).values("id", "revision")


@compiled
def _policy(*, id: int) -> QuerySet[ReminderPolicy, dict[str, int]]:
    return ReminderPolicy.objects.filter(pk=id).values("id", "revision")


@compiled
def _steps(*, policy: int) -> QuerySet[PolicyStep]:
    return PolicyStep.objects.filter(policy=policy).order_by("offset_days")


def edit(policy: ReminderPolicy, steps: Iterable[Step]) -> None:
    """Replace the steps. Nothing is sent again: each invoice goes on after the last step it has done."""
    with transaction.atomic():
        ReminderPolicy.objects.select_for_update().get(pk=policy.pk)
        policy.steps.all().delete()
        _write_steps(policy, steps)
    chased = chased_by(policy)
    for debtor_id in chased.order_by().values_list("debtor_id", flat=True).distinct():
        with transaction.atomic():
            Debtor.objects.select_for_update(no_key=True).get(pk=debtor_id)
            chased.filter(debtor=debtor_id).update(next_check_at=policy.account.now())


def make(account: Account, name: str, *, is_default: bool = False) -> ReminderPolicy:
    """Another ladder, with the standard steps to begin with."""
    with transaction.atomic():
        policy = ReminderPolicy.objects.create(account=account, name=name, is_default=is_default)
        _write_steps(policy, DEFAULT)
    return policy


def chased_by(policy: ReminderPolicy) -> InvoiceQuerySet:
    """The open invoices on this ladder."""
    chased: InvoiceQuerySet = Invoice.objects.for_account(policy.account).filter(status__in=OPEN, is_chased=True)
    return chased.filter(Q(policy=policy) | Q(policy=None) if policy.is_default else Q(policy=policy))


@dataclass(frozen=True, slots=True)
class Entering:
    """What a policy, switched on, would take in."""

    overdue: int
    upcoming: int


def would_enter(account: Account, invoices: InvoiceQuerySet) -> Entering:
    """To be shown before `switch_on`."""
    invoices = invoices.filter(account=account, status__in=OPEN)
    overdue = invoices.past_due(on=account.today()).count()
    return Entering(overdue, invoices.count() - overdue)


def switch_on(
    account: Account,
    invoices: InvoiceQuerySet,
    policy: ReminderPolicy | None,
    actor: Actor,
    *,
    overdue_enter: bool,
) -> int:
    """Chase these open invoices by `policy` (None: the account's own). Overdue ones enter as if they arrived today, or
    stay out. How many are chased now."""
    today, entered = account.today(), 0
    ids: list[tuple[uuid.UUID, bool]] = [
        (invoice.pk, invoice.due_date < today) for invoice in invoices.filter(account=account, status__in=OPEN)
    ]
    for invoice_id, is_overdue in ids:
        is_chased = overdue_enter or not is_overdue
        lifecycle.set_policy(
            account,
            invoice_id,
            actor,
            policy_id=policy.pk if policy else None,
            is_chased=is_chased,
            enters_anew=is_chased,
        )
        entered += is_chased
    return entered


def _write_steps(policy: ReminderPolicy, steps: Iterable[Step]) -> None:
    PolicyStep.objects.bulk_create(
        PolicyStep(
            policy=policy,
            offset_days=step.offset_days,
            kind=step.kind,
            tone=step.tone,
            channels=list(step.channels),
            escalates_to=step.escalates_to,
        )
        for step in steps
    )
