"""Reminder policies: the steps of an invoice, and changes of policies and their effects on invoices."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from communications.models import Medium, PolicyRule, PolicyStep, ReminderPolicy, StepKind, Tone
from communications.schedule import policy_rules
from communications.schedule.policy_rules import Rule
from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import lifecycle
from invoices.errors import Refused
from invoices.models import OPEN, Debtor, Invoice, InvoiceQuerySet

# In the default order of preference.
ALL_CHANNELS = (Medium.EMAIL, Medium.WHATSAPP, Medium.SMS)


@dataclass(frozen=True, slots=True)
class Step:
    """The values of a `PolicyStep`."""

    offset_days: int
    kind: str
    tone: str = Tone.NEUTRAL
    escalates_to: int | None = None
    channels: Sequence[str] = ALL_CHANNELS


_VALUES = [each.name for each in fields(Step)]


@dataclass(slots=True)
class _Cache:
    """The policies of an account whose clock is moved, and its rules once they are read."""

    steps: dict[int | None, list[Step]] = field(default_factory=dict)
    rules: list[Rule] | None = None


_remembered: ContextVar[_Cache | None] = ContextVar("ladders", default=None)
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
    """Return the account's default policy. Create it if the account is older than policies."""
    policy: ReminderPolicy | None = ReminderPolicy.objects.for_account(account).filter(is_default=True).first()
    if policy is None:
        with transaction.atomic():
            made = [ReminderPolicy(account=account, name=DEFAULT_NAME, is_default=True)]
            ReminderPolicy.objects.bulk_create(made, ignore_conflicts=True)
            # Concurrent creators wait here until the steps are written.
            policy = ReminderPolicy.objects.select_for_update().get(account=account, is_default=True)
            if not policy.steps.exists():
                _write_steps(policy, DEFAULT)
    return policy


def own_id_of(invoice: Invoice) -> int | None:
    """Return the policy that was chosen for the invoice, else for its debtor, or None."""
    return invoice.policy_id or invoice.debtor.policy_id


def id_of(invoice: Invoice, rules: Sequence[Rule] | None = None) -> int | None:
    """Return the policy that the invoice follows: its own, else the debtor's, else that of the first matching rule,
    else None for the account's default. The account's `rules` are read if they are not passed."""
    if own := own_id_of(invoice):
        return own
    return policy_rules.choose(rules_of(invoice.account) if rules is None else rules, invoice)


def rules_of(account: Account) -> list[Rule]:
    """Return the account's rules, in order."""
    cache = _remembered.get()
    if cache is None:
        return policy_rules.of(account)
    if cache.rules is None:
        cache.rules = policy_rules.of(account)
    return cache.rules


def steps_of(invoice: Invoice, rules: Sequence[Rule] | None = None) -> list[Step]:
    """Return the steps of an invoice in order. An invoice that is not chased has none."""
    if not invoice.is_chased:
        return []
    cache, policy_id = _remembered.get(), id_of(invoice, rules)
    if cache is None:
        return _steps_of(invoice, policy_id)
    if policy_id not in cache.steps:
        cache.steps[policy_id] = _steps_of(invoice, policy_id)
    return cache.steps[policy_id]


def are_cached() -> bool:
    """Return True within `cached_steps`."""
    return _remembered.get() is not None


@contextmanager
def cached_steps() -> Iterator[None]:
    """Cache the policies and rules of an account while its clock is moved."""
    token = _remembered.set(_Cache())
    try:
        yield
    finally:
        _remembered.reset(token)


def _steps_of(invoice: Invoice, policy_id: int | None) -> list[Step]:
    rows = _steps(policy=policy_id) if policy_id else _default_steps(account=invoice.account_id)
    if not rows and not policy_id:
        rows = _steps(policy=default_for(invoice.account).pk)
    return [Step(**row) for row in rows]


@compiled
def _default_steps(*, account: uuid.UUID) -> QuerySet[PolicyStep, dict[str, Any]]:
    default = PolicyStep.objects.filter(policy__account=account, policy__is_default=True)
    steps: QuerySet[PolicyStep, Any] = default.order_by("offset_days").values(*_VALUES)
    return steps


@compiled
def _steps(*, policy: int) -> QuerySet[PolicyStep, dict[str, Any]]:
    steps: QuerySet[PolicyStep, Any] = PolicyStep.objects.filter(policy=policy).order_by("offset_days").values(*_VALUES)
    return steps


def edit(policy: ReminderPolicy, steps: Iterable[Step]) -> None:
    """Replace the steps. Nothing is sent twice: each invoice continues after its last completed step."""
    with transaction.atomic():
        ReminderPolicy.objects.select_for_update().get(pk=policy.pk)
        policy.steps.all().delete()
        _write_steps(policy, steps)
    concerned = _may_follow(policy)
    for debtor_id in concerned.order_by().values_list("debtor_id", flat=True).distinct():
        with transaction.atomic():
            Debtor.objects.select_for_update(no_key=True).get(pk=debtor_id)
            concerned.filter(debtor=debtor_id).update(next_check_at=policy.account.now())


def create(account: Account, name: str, *, is_default: bool = False) -> ReminderPolicy:
    """Create a policy with the standard steps."""
    with transaction.atomic():
        policy = ReminderPolicy.objects.create(account=account, name=name, is_default=is_default)
        _write_steps(policy, DEFAULT)
    return policy


def delete(policy: ReminderPolicy, actor: Actor) -> None:
    """Delete a policy that nothing uses. Raise `Refused` otherwise."""
    account = policy.account
    if policy.is_default:
        raise Refused("policy", "default", _("The account's default policy can't be deleted."))
    uses = (
        (PolicyRule, _("A rule uses this policy: change or delete the rule first.")),
        (Debtor, _("A debtor has this policy: choose another one on the debtor's page first.")),
        (Invoice, _("An invoice has this policy: choose another one on the invoice's page first.")),
    )
    name = str(policy)
    with transaction.atomic():
        ReminderPolicy.objects.select_for_update().get(pk=policy.pk)
        for model, sentence in uses:
            if model.objects.for_account(account).filter(policy=policy).exists():
                raise Refused("policy", "used", sentence)
        policy.delete()
        audit.record(account, actor.name, "reminderpolicy.deleted", name[:120])


def chased_by(policy: ReminderPolicy) -> InvoiceQuerySet:
    """Return the open invoices that follow this policy."""
    rules, followers = policy_rules.of(policy.account), _may_follow(policy)
    if not rules:
        return followers
    open_to_rules = unassigned(policy.account)
    default = policy.pk if policy.is_default else None
    chosen = policy_rules.matches(policy.account, open_to_rules, rules)
    theirs = [pk for pk, rule in chosen if (default if rule is None else rules[rule].policy_id) == policy.pk]
    return followers.exclude(pk__in=open_to_rules.values("pk")) | followers.filter(pk__in=theirs)


def unassigned(account: Account) -> InvoiceQuerySet:
    """Return the open invoices for which neither they nor their debtors have a policy."""
    return _chased(account).filter(policy=None, debtor__policy=None)


def _chased(account: Account) -> InvoiceQuerySet:
    chased: InvoiceQuerySet = Invoice.objects.for_account(account).filter(status__in=OPEN, is_chased=True)
    return chased


def _may_follow(policy: ReminderPolicy) -> InvoiceQuerySet:
    """Return the open invoices that have this policy, and those without one if it may be chosen for them."""
    theirs = Q(policy=policy) | Q(policy=None, debtor__policy=policy)
    if policy.is_default or PolicyRule.objects.filter(policy=policy).exists():
        theirs |= Q(policy=None, debtor__policy=None)
    return _chased(policy.account).filter(theirs)


@dataclass(frozen=True, slots=True)
class EntryCounts:
    """Number of invoices that would enter a policy."""

    overdue: int
    upcoming: int


def count_entries(account: Account, invoices: InvoiceQuerySet) -> EntryCounts:
    """Count the invoices that `switch_on` would affect."""
    invoices = invoices.filter(account=account, status__in=OPEN)
    overdue = invoices.past_due(on=account.today()).count()
    return EntryCounts(overdue, invoices.count() - overdue)


def switch_on(
    account: Account,
    invoices: InvoiceQuerySet,
    policy: ReminderPolicy | None,
    actor: Actor,
    *,
    overdue_enter: bool,
) -> int:
    """Apply `policy`, or the default policy if None, to these open invoices. Return the number that is chased now.

    With `overdue_enter`, overdue invoices start as if they had arrived today. Without it, they are not chased.
    """
    today, entered = account.today(), 0
    default_id = None if policy else default_for(account).pk
    chosen = invoices.filter(account=account, status__in=OPEN)
    rows = list(chosen.values_list("pk", "due_date", "debtor__policy_id"))
    for invoice_id, due_date, debtors_policy in rows:
        is_chased = overdue_enter or due_date >= today
        policy_id = policy.pk if policy else None
        if policy is None and debtors_policy not in (None, default_id):
            policy_id = default_id  # named, because the invoice would follow its debtor's policy
        lifecycle.set_policy(
            account,
            invoice_id,
            actor,
            policy_id=policy_id,
            is_chased=is_chased,
            restarts=is_chased,
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
