"""What leaves with each list: names as the API's, amounts exact with their currency beside them. No secret is here."""

import datetime as dt
from decimal import Decimal
from typing import Any

from communications.models import (
    Answer,
    CollectionSettings,
    Communication,
    ConsentEntry,
    Contact,
    Gateway,
    ReminderPolicy,
    Reply,
)
from inflow.accounts.models import Account, ApiKey, AuditEntry, Invitation, User
from inflow.dashboard.core.exporting import declare
from invoices import money
from invoices.derivation import days_overdue
from invoices.models import CalendarRule, Debtor, Escalation, Invoice, Payment, Promise, Status
from invoices.models.imports import Import
from webhooks.models import Delivery, Subscription


def _days_late(invoice: Invoice) -> int:
    return days_overdue(invoice.status, invoice.due_date, invoice.account.today())


def _exact(name: str) -> tuple[str, Any]:
    """An amount of an invoice, with the decimals of its currency."""
    return name, lambda invoice: money.exact(getattr(invoice, name), invoice.currency)


def _amount(row: Any) -> Decimal | None:
    """That of a row of an invoice."""
    return None if row.amount is None else money.exact(row.amount, row.invoice.currency)


def _paid(payment: Payment) -> Decimal:
    return money.exact(payment.amount, payment.currency)


def _hold(invoice: Invoice) -> dt.date | None:
    return invoice.hold_until if invoice.status == Status.ON_HOLD else None


def _balance(case: Escalation) -> Decimal:
    return money.exact(case.invoice.balance, case.invoice.currency)


def _steps(policy: ReminderPolicy) -> str:
    return "; ".join(f"{step.offset_days:+d} {step.kind} {step.tone}" for step in policy.steps.all())


_NUMBER, _CURRENCY = ("invoice_number", "invoice__invoice_number"), ("currency", "invoice__currency")
_DEBTOR, _COMPANY = ("debtor_name", "invoice__debtor_name"), ("debtor_company", "invoice__debtor_company")


def declare_all() -> None:
    declare(
        Invoice,
        *("invoice_number", "debtor_name", "debtor_company", "debtor_email", "debtor_phone"),
        *(_exact("amount"), "currency", _exact("amount_paid"), _exact("balance")),
        *("issue_date", "due_date", "status", "payment_status", ("days_overdue", _days_late), ("hold_until", _hold)),
        *("escalation_level", "last_contacted_at", "next_contact_at", "language", "notes", "created_at", "id"),
    )
    declare(
        Payment,
        *(_NUMBER, "reference", ("amount", _paid), "currency", "paid_at", "method", _DEBTOR, _COMPANY),
        *("created_at", "id", ("reversal_of", "reversal_of_id"), "status"),
    )
    declare(
        Debtor,
        *("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
        *(("open_invoices", "still_open"), "opted_out_at", "created_at", "id"),
    )
    declare(
        Escalation,
        *(
            _NUMBER,
            _DEBTOR,
            _COMPANY,
            ("balance", lambda case: money.exact(case.invoice.balance, case.invoice.currency)),
        ),
        *(_CURRENCY, "level", "reason", "status", ("assignee", "assignee__email"), "resolution", "notes"),
        *("opened_at", "resolved_at", "id"),
    )
    declare(
        Promise,
        *(_NUMBER, _DEBTOR, _COMPANY, ("amount", _amount), _CURRENCY, "promised_on", "hold_until", "status"),
        *("created_at", "id"),
    )
    declare(
        Communication,
        *(_NUMBER, _DEBTOR, _COMPANY, "kind", "channel", "status", "suppressed_reason", "recipient", "language"),
        *("subject", ("amount", _amount), _CURRENCY, "step", "scheduled_for", "sent_at", "delivered_at", "error", "id"),
    )
    declare(
        Reply,
        *("received_at", "channel", "address", "text", "triage", "promised_on", "status", ("debtor", "debtor__name")),
        *(_NUMBER, "handled_by", "handled_at", "id"),
    )
    declare(
        Answer,
        *("said_at", "kind", "status", ("debtor", "debtor__name"), _NUMBER, "day", "reference", "text"),
        *("handled_at", "handled_by", "handled_because", "id"),
    )
    declare(Contact, "channel", "address", "opted_out_at", "invalid_at", "invalid_because")
    declare(ConsentEntry, "at", "what", "channel", "address", ("debtor", "debtor__name"), "source", "text", "actor")
    declare(Import, "file_name", "kind", "phase", "actor", "created_at", "ended_at", "id")
    declare(ReminderPolicy, "name", "is_default", ("steps", _steps))
    declare(
        CalendarRule,
        *("country", "subdivision", "kind", "name", "starts_on", "ends_on", "is_yearly", "weekdays", "opens_at"),
        *("closes_at", "is_on", "is_expected", "source"),
    )
    declare(
        CollectionSettings,
        *("opens_at", "closes_at", "hours_between", "most_in_7_days", "is_stopped", "stopped_channels"),
        *("stale_after_hours", "payments_synced_at", "cool_off_hours"),
    )
    declare(Gateway, "channel", "base_url", "account_sid", "sender", "is_active", "created_at")
    declare(
        Account,
        *("name", "plan", "requests_per_minute", "requests_per_day", "time_zone", "country", "subdivision"),
        *("language", "is_test", "suspended_at", "created_at", "id"),
    )
    declare(User, "email", "first_name", "last_name", "role", "is_active", "last_login", "date_joined")
    declare(
        ApiKey,
        *("name", "prefix", "scopes", ("created_by", "created_by__email"), "created_at", "last_used_at"),
        *("expires_at", "revoked_at"),
    )
    declare(
        Invitation,
        *("email", "role", ("invited_by", "invited_by__email"), "created_at", "expires_at", "accepted_at"),
        "withdrawn_at",
    )
    declare(AuditEntry, "at", "actor", "action", "target", "detail")
    declare(Subscription, "target_url", "events", "is_active", "disabled_reason", "created_at", "id")
    declare(
        Delivery,
        *(("event", "event__type"), "event_id", ("target_url", "subscription__target_url"), "status"),
        *("attempts_made", "next_attempt_at", "created_at", "id"),
    )
