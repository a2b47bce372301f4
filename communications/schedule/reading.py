"""Stored facts that decide when a debtor may be contacted, read in one statement: each trip to PostgreSQL is costly."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from communications.contacts.further import Entry
from communications.models import PENDING
from communications.schedule import policies
from communications.schedule.policies import Step
from communications.schedule.policy_rules import Rule
from inflow.accounts.models import Account
from inflow.sql import select
from invoices import workdays
from invoices.cases import escalations
from invoices.debtors.contacts import Corrections, normalise
from invoices.models import OPEN, Debtor, Invoice, Status
from invoices.models.identities import ContactKind


class Reading(NamedTuple):
    """Facts of a debtor, and of one of its invoices if it was passed.

    `reopened` are the times until which reopened invoices hold messages back, by invoice. `is_planned` is True if the
    invoice has unsent messages, `has_contact_state` if one of its addresses bounced, or opted in or out, and
    `has_readers` if one person reads an address of the account for several debtors. `entries` are the debtor's
    contacts, `rules` the account's policy rules, None if they are cached, and `minimums` its minimum balances.
    `invoices_to_call_about` are those with an open call task.
    """

    is_escalated: bool
    reopened: dict[uuid.UUID, dt.datetime]
    has_credit: bool
    corrections: Corrections
    entries: Sequence[Entry]
    is_planned: bool
    has_contact_state: bool
    has_readers: bool
    steps: dict[int | None, list[Step]]
    rules: list[Rule] | None
    minimums: dict[str, Decimal]
    invoices_to_call_about: set[uuid.UUID]
    calendar: workdays.Calendar


def read(account: Account, debtor: Debtor, now: dt.datetime, invoice: Invoice | None = None) -> Reading:
    """Read the facts. Policies and calendars that a sweep of the clock has cached are not read again."""
    return read_all(account, now, [(debtor, invoice)])[0]


def read_all(account: Account, now: dt.datetime, pairs: Sequence[tuple[Debtor, Invoice | None]]) -> list[Reading]:
    """Read the facts of several debtors, each with one of its invoices or None, in one statement."""
    emails = [normalise(ContactKind.EMAIL, invoice.debtor_email) if invoice else "" for _debtor, invoice in pairs]
    phones = [normalise(ContactKind.PHONE, invoice.debtor_phone) if invoice else "" for _debtor, invoice in pairs]
    places = zip(pairs, phones, strict=True)
    countries = [*{account.country, *(workdays.country_of(pair[0], account, phone) for pair, phone in places)}]
    values = {
        "account": account.pk,
        "debtors": [debtor.pk for debtor, _invoice in pairs],
        "now": now,
        "invoices": [invoice.pk if invoice else None for _debtor, invoice in pairs],
        "emails": emails,
        "phones": phones,
        "policies": [*{policy for _debtor, each in pairs if each and (policy := policies.own_id_of(each))}],
        "countries": countries,
        "reads_steps": not policies.are_cached(),
        "reads_calendar": not workdays.is_cached(),
    }
    rows = select(_SQL, values)
    has_readers, steps, rules, minimums, days = rows[0][-_OF_ACCOUNT:]
    by_policy = _by_policy(steps or ())
    policy_rules = None if rules is None else [_policy_rule(values) for values in rules]
    minimum_balances = {currency: Decimal(amount) for currency, amount in minimums}
    calendar = workdays.calendar_of(account)
    if days is not None:
        calendar = workdays.Calendar(account, map(_calendar_rule, days), countries)
    return [
        Reading(
            is_escalated,
            {uuid.UUID(id): dt.datetime.fromisoformat(until) for id, until in reopened},
            has_credit,
            {(party, kind, old): new for party, kind, old, new in corrections},
            entries,
            is_planned,
            has_contact_state,
            has_readers,
            by_policy,
            policy_rules,
            minimum_balances,
            set(to_call or ()),
            calendar,
        )
        for is_escalated, reopened, has_credit, corrections, entries, is_planned, has_contact_state, to_call, *_ in rows
    ]


def _by_policy(rows: Iterable[Sequence[Any]]) -> dict[int | None, list[Step]]:
    """Return the steps by policy. Those of the default policy also stand under None."""
    found: dict[int | None, list[Step]] = {}
    for policy_id, is_default, *values in rows:
        step = Step(*values)
        found.setdefault(policy_id, []).append(step)
        if is_default:
            found.setdefault(None, []).append(step)
    return found


def _policy_rule(values: Sequence[Any]) -> Rule:
    """Return a policy rule. JSON holds its amounts as text."""
    *plain, low, high = values
    return Rule(*plain, *(None if amount is None else Decimal(amount) for amount in (low, high)))


def _calendar_rule(values: Sequence[Any]) -> workdays.Rule:
    """Return a calendar rule. JSON holds its dates and times as text."""
    *plain, first, last, opens, closes = values
    dates = (day and dt.date.fromisoformat(day) for day in (first, last))
    times = (time and dt.time.fromisoformat(time) for time in (opens, closes))
    return workdays.Rule(*plain, *dates, *times)


_OPEN = ", ".join(f"'{status.value}'" for status in OPEN)
_PENDING = ", ".join(f"'{state.value}'" for state in PENDING)
# The facts of the account are in the first row only.
_OF_ACCOUNT = 5
_SQL = f"""
SELECT
  EXISTS (
    SELECT FROM invoices_invoice
    WHERE debtor_id = pair.debtor AND status IN ({_OPEN}) AND escalation_level >= {escalations.MAX_LEVEL}
  ),
  (
    SELECT coalesce(json_agg(json_build_array(id, not_before)), '[]') FROM invoices_invoice
    WHERE debtor_id = pair.debtor AND status IN ({_OPEN}) AND (
        status <> '{Status.DISPUTED.value}' OR amount - amount_paid - amount_credited > contested_amount
      )
      AND not_before > %(now)s
  ),
  EXISTS (SELECT FROM invoices_credit WHERE debtor_id = pair.debtor),
  (
    SELECT coalesce(json_agg(json_build_array(party, kind, old, new)), '[]') FROM invoices_contactcorrection
    WHERE debtor_id = pair.debtor
  ),
  (
    SELECT coalesce(json_agg(json_build_object(
      'party', party, 'name', name, 'email', contact.email, 'phone', contact.phone, 'language', language,
      'receives', receives
    ) ORDER BY position, id), '[]') FROM invoices_contact contact WHERE debtor_id = pair.debtor
  ),
  EXISTS (SELECT FROM communications_communication WHERE invoice_id = pair.invoice AND status IN ({_PENDING})),
  EXISTS (
    SELECT FROM communications_address
    WHERE account_id = %(account)s AND address = ANY (ARRAY[pair.email, pair.phone])
  ),
  (SELECT array_agg(invoice_id) FROM communications_calltask WHERE debtor_id = pair.debtor AND status = 'open'),
  EXISTS (SELECT FROM communications_address WHERE account_id = %(account)s AND has_one_reader),
  CASE WHEN place = 1 AND %(reads_steps)s THEN (
    SELECT coalesce(json_agg(json_build_array(
      policy.id, is_default, offset_days, kind, tone, escalates_to, channels
    ) ORDER BY offset_days), '[]')
    FROM communications_policystep JOIN communications_reminderpolicy policy ON policy.id = policy_id
    WHERE policy.account_id = %(account)s AND (
      is_default OR policy.id = ANY (%(policies)s::bigint[])
      OR EXISTS (SELECT FROM communications_policyrule rule WHERE rule.policy_id = policy.id)
    )
  ) END,
  CASE WHEN place = 1 AND %(reads_steps)s THEN (
    SELECT coalesce(json_agg(json_build_array(
      policy_id, tag, country, currency, min_amount::text, max_amount::text
    ) ORDER BY position, id), '[]') FROM communications_policyrule WHERE account_id = %(account)s
  ) END,
  CASE WHEN place = 1 THEN (
    SELECT coalesce(json_agg(json_build_array(currency, amount::text)), '[]') FROM communications_minimumbalance
    WHERE settings_id = %(account)s
  ) END,
  CASE WHEN place = 1 AND %(reads_calendar)s THEN (
    SELECT coalesce(json_agg(json_build_array(
      account_id, country, subdivision, kind, name, is_yearly, weekdays, is_on, starts_on, ends_on, opens_at, closes_at
    )), '[]') FROM invoices_calendarrule
    WHERE (account_id IS NULL OR account_id = %(account)s) AND country = ANY (%(countries)s)
  ) END
FROM unnest(%(debtors)s::uuid[], %(invoices)s::uuid[], %(emails)s::text[], %(phones)s::text[])
  WITH ORDINALITY AS pair (debtor, invoice, email, phone, place)
ORDER BY place
"""  # noqa: S608
