"""An account with a person of each role and one row of everything that the dashboard shows."""

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from communications.contacts import addresses
from communications.inbound import replies
from communications.models import (
    Address,
    Answer,
    CallLog,
    CallTask,
    CollectionSettings,
    Communication,
    ConsentEntry,
    Gateway,
    MessageTemplate,
    PolicyRule,
    ReminderPolicy,
    Reply,
    SenderProfile,
)
from communications.portal import answers
from communications.schedule import policies
from inflow.accounts import invitations
from inflow.accounts.models import Account, ApiKey, AuditEntry, Invitation, User
from inflow.accounts.roles import Role
from invoices import credit_notes, lifecycle, staff_tasks
from invoices.debtors import merging
from invoices.documents import dispute_files, documents, staff_files
from invoices.models import (
    CalendarRule,
    CreditNote,
    Debtor,
    DebtorMerge,
    Dispute,
    DisputeFile,
    DisputeReason,
    Document,
    Escalation,
    HookKind,
    Invoice,
    Note,
    OpenItemsSource,
    Payment,
    PaymentHook,
    PaymentReport,
    PaymentSettings,
    PossibleDuplicate,
    Promise,
    StaffFile,
    Task,
    TimelineEntry,
)
from invoices.models.bank import BankStatement
from invoices.models.imports import Import, ImportRow
from invoices.payment_hooks import hooks
from invoices.reconciliation import comparing, sources
from tests import files, make
from webhooks.models import Delivery, Event, EventType, Subscription

# Who gets in where, by the least role: matrix.toml says what each part is.
MATRIX = tomllib.loads(Path(__file__).with_name("matrix.toml").read_text())
LISTS, ADDS, VERBS = (
    {name: Role(role) for name, role in MATRIX[part].items() if role != "platform"}
    for part in ("lists", "adds", "verbs")
)
# What answers each verb's form.
SAID: dict[str, dict[str, Any]] = {
    "invoices_invoice_record_payment": {"amount": "100", "paid_at": "2026-01-05", "method": "cheque"},
    "invoices_debtor_record_transfer": {
        "amount": "100",
        "currency": "AED",
        "paid_at": "2026-01-05",
        "method": "cheque",
        "confirm": "1",
    },
    "invoices_debtor_credit_note": {"number": "CN-9", "date": "2026-01-05", "amount": "10", "currency": "AED"},
    "invoices_invoice_credit_note": {"number": "CN-9", "date": "2026-01-05", "amount": "10"},
    "invoices_invoice_promise": {"promised_on": make.FAR_AHEAD, "amount": "10"},
    "invoices_dispute_reject": {"answer": "It was delivered."},
    "invoices_dispute_credit_note": {"number": "CN-8", "amount": "10"},
    "invoices_dispute_correct": {"amount": "90"},
    "invoices_dispute_revise": {"amount": "10"},
    "invoices_invoice_escalate": {"notes": "They moved."},
    "invoices_invoice_amend": {
        **{"amount": "90", "issue_date": "2025-01-01", "due_date": "2025-02-03"},
        **{"debtor_name": "Ahmed", "language": "en"},
    },
    "invoices_invoice_move_due_date": {"due_date": "2025-02-03", "reason": "As agreed."},
    "invoices_escalation_resolve": {"resolution": "ladder"},
    "invoices_bankline_choose": {"proposal": "0"},
    "invoices_invoice_hold": {"hold_until": make.FAR_AHEAD},
    "invoices_invoice_note": {"notes": "Asked for a copy."},
    "invoices_invoice_add_note": {"text": "Asked for a copy."},
    "invoices_debtor_add_note": {"text": "They moved."},
    "invoices_invoice_add_task": {"text": "Send the copy.", "due_on": make.FAR_AHEAD},
    "invoices_debtor_add_task": {"text": "Visit them.", "due_on": make.FAR_AHEAD},
    "invoices_task_postpone": {"due_on": make.FAR_AHEAD},
    "invoices_invoice_choose_policy": {"policy": "none"},
    "communications_reminderpolicy_switch_on": {"which": "all", "overdue_enter": "yes"},
    "communications_calltask_log_call": {"outcome": "no_answer"},
    "invoices_invoice_log_call": {"outcome": "reached", "note": "They pay on Friday."},
    "invoices_debtor_log_call": {"outcome": "message_left"},
    "communications_communication_answer": {"text": "STOP"},
    "communications_reply_paid": {"amount": "100", "paid_at": "2026-01-05"},
    "communications_reply_promise": {"promised_on": make.FAR_AHEAD},
    "communications_gateway_edit": {
        "base_url": "https://api.sandfox.example",
        "account_sid": "AC1",
        "auth_token": "mine now",
        "sender": "Mine",
    },
    "invoices_openitemssource_edit": {"url": "https://mine.example/open", "hour": "7"},
    "invoices_openitemslist_correct_all": {"kinds": ["closed_there"], "sure": "on"},
    "communications_answer_confirm_paid": {"amount": "100", "paid_at": "2026-01-05", "method": "cheque"},
    "communications_answer_confirm_promise": {"promised_on": make.FAR_AHEAD},
    "webhooks_subscription_replay_since": {"hours": "24"},
    "invoices_paymentreport_record_on_invoice": {"invoice_number": "Falcon-1"},
}
RANK = [Role.VIEWER, Role.AGENT, Role.MANAGER, Role.ADMIN]
# For a test that takes long: the least and the greatest role in `make test`, those between them at night.
ROLES = [role if role in (RANK[0], RANK[-1]) else pytest.param(role, marks=pytest.mark.nightly) for role in RANK]


def may(role: Role, needed: Role) -> bool:
    return RANK.index(role) >= RANK.index(needed)


@dataclass(frozen=True)
class World:
    account: Account
    people: dict[Role, User]
    rows: dict[str, Any]
    invoice: Invoice
    closed: Invoice

    def logged_in(self, role: Role) -> Client:
        return logged_in(self.people[role])


def platform() -> Client:
    """Platform staff, logged in."""
    return logged_in(User.objects.create_superuser("chief@inflow.example"))


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def build(name: str) -> World:
    account = make.account(name)
    # Without passwords, which take long to hash.
    people = {
        role: User.objects.create_user(f"{role}@{name.lower()}.example", account=account, role=role) for role in Role
    }
    key, _ = make.key(account, name=f"key of {name}")
    email = f"pay@{name.lower()}.example"
    closed = make.invoice(account, invoice_number=f"{name}-0", amount=100, debtor_email=email, debtor_name="Closed")
    case = make.escalation(closed)
    promise = lifecycle.promise(account, closed.pk, make.STAFF, account.today())
    payment = lifecycle.record_payment(account, closed.pk, make.STAFF, amount=closed.amount)
    subscription, _ = make.subscription(account, f"https://{name.lower()}.example/hook", [EventType.INVOICE_CREATED])
    # In the zone that is the furthest west it is long past due, wherever the test runs.
    invoice = make.overdue_invoice(
        account,
        invoice_number=f"{name}-1",
        debtor_name=f"Debtor of {name}",
        debtor_email=email,
        issue_date=dt.date(2025, 1, 1),
        due_date=dt.date(2025, 1, 31),
    )
    gateway = make.gateway(account, token=f"token of {name}")
    reply = replies.receive(account, "email", f"pay@{name.lower()}.example", f"{name} will pay on Friday", "SM1")
    assert reply
    invoice = make.again(invoice)
    invitation = invitations.invite(account, f"new@{name.lower()}.example", Role.AGENT, by=people[Role.ADMIN])
    answers.report_payment(invoice.debtor, [invoice.pk], account.today(), "FT-1")
    note = credit_notes.issue(
        account,
        make.STAFF,
        number=f"CN-{name}",
        date=account.today(),
        amount=Decimal(5),
        currency="USD",
        debtor_id=closed.debtor_id,
    )
    document = documents.attach(account, invoice.pk, make.STAFF, files.pdf(name))
    hook, _ = hooks.create(account, HookKind.HMAC)
    report = make.payment_report(hook, invoice_number=f"of {name}")
    credit_notes.void(account, note.pk, make.STAFF)  # no credit, which every message would mention
    addresses.opt_out(account, "sms", "+971500000001", account.now(), text="STOP")
    compared, _ = comparing.record(account, [], make.STAFF, source="api", as_of=account.now(), complete=["AED"])
    default = policies.default_for(account)
    rules = [
        PolicyRule.objects.create(account=account, position=place, tag=f"{name} {place}", policy=default)
        for place in (1, 2, 3)
    ]
    call = CallTask.objects.create(
        account=account,
        debtor=invoice.debtor,
        invoice=invoice,
        round=invoice.round,
        step=400,
        opened_at=account.now(),
        expires_at=account.now() + dt.timedelta(days=3),
    )
    task = staff_tasks.create(account, make.STAFF, text=f"Call {name}", due_on=account.today(), invoice_id=invoice.pk)
    file = staff_files.add(account, make.STAFF, files.pdf(name), "order.pdf", invoice_id=invoice.pk)
    twins = [Debtor.objects.create(account=account, name=f"Twin of {name}") for _ in range(3)]
    merge = merging.merge(account, twins[0].pk, twins[1].pk, make.STAFF)
    one, other = sorted(twins[1:], key=lambda debtor: debtor.pk)
    pair = PossibleDuplicate.objects.create(account=account, one=one, other=other, reasons=["name"])
    dispute = Dispute.objects.create(
        account=account,
        invoice=closed,
        text=f"dispute of {name}",
        status="resolved",
        outcome="withdrawn",
        opened_at=account.now(),
        resolved_at=account.now(),
    )
    return World(
        account,
        people,
        {
            "invoices_openitemslist": compared.pk,
            "invoices_difference": compared.differences.all()[0].pk,
            "invoices_openitemssource": sources.create(account, url=f"https://{name.lower()}.example/open", hour=6).pk,
            "invoices_debtormerge": merge.pk,
            "invoices_possibleduplicate": pair.pk,
            "invoices_escalation": case.pk,
            "invoices_task": task.pk,
            "invoices_stafffile": file.pk,
            "invoices_promise": promise.pk,
            "invoices_dispute": dispute.pk,
            "invoices_disputereason": DisputeReason.objects.filter(account=account)[0].pk,
            "invoices_disputefile": dispute_files.add(account, dispute.pk, make.STAFF, files.pdf(name)).pk,
            "invoices_payment": payment.pk,
            "invoices_creditnote": note.pk,
            "invoices_paymentsettings": PaymentSettings.objects.create(account=account).pk,
            "invoices_import": make.import_of(account, people[Role.AGENT], f"payments of {name}.csv").pk,
            **_bank_rows(account, people[Role.AGENT], f"INV {name}-1"),
            "invoices_document": document.pk,
            "invoices_paymenthook": hook.pk,
            "invoices_paymentreport": report.pk,
            "invoices_invoice": invoice.pk,
            "invoices_debtor": invoice.debtor_id,
            "communications_communication": Communication.objects.get(invoice=invoice).pk,
            "communications_reminderpolicy": policies.default_for(account).pk,
            "communications_policyrule": rules[1].pk,
            "communications_calltask": call.pk,
            "communications_reply": reply.pk,
            "communications_gateway": gateway.pk,
            "communications_answer": Answer.objects.get(invoice=invoice).pk,
            "communications_address": Address.objects.get(account=account).pk,
            "communications_consententry": ConsentEntry.objects.get(account=account).pk,
            "communications_collectionsettings": CollectionSettings.objects.get_or_create(account=account)[0].pk,
            "invoices_calendarrule": make.calendar_rule(account, f"Holiday of {name}").pk,
            "accounts_account": account.pk,
            "accounts_apikey": key.pk,
            "accounts_user": people[Role.AGENT].pk,
            "accounts_invitation": invitation.pk,
            "accounts_auditentry": AuditEntry.objects.get(account=account, action="api_key.created").pk,
            "webhooks_subscription": subscription.pk,
            "webhooks_delivery": Delivery.objects.get(subscription=subscription).pk,
        },
        invoice,
        closed,
    )


def _bank_rows(account: Account, person: User, text: str) -> dict[str, Any]:
    """The rows of a bank statement with one line, for which an invoice is proposed."""
    line = make.bank_line(account, person, text, 120)
    statement = BankStatement.objects.get(shown__line=line)
    return {
        "invoices_bankline": line.pk,
        "invoices_bankstatement": statement.pk,
        "invoices_bankfile": statement.file_id,
    }


def page(name: str, what: str, *args: Any) -> str:
    return reverse(f"admin:{name}_{what}", args=args)


def verb(name: str, world: World) -> str:
    return reverse(f"admin:{name}", args=[world.rows["_".join(name.split("_")[:2])]])


def said(name: str) -> dict[str, Any]:
    return SAID.get(name, {"reason": "They asked for it."})


def linked(html: str, name: str) -> set[str]:
    """The keys of the rows whose pages are linked."""
    app, model = name.split("_")
    return set(re.findall(rf"/admin/{app}/{model}/([^/\"]+)/change/", html))


@contextmanager
def nothing_changes(*worlds: World) -> Iterator[None]:
    """Every row of these accounts is the same at the end of the block."""
    before = [rows_of(world.account) for world in worlds]
    yield
    assert [rows_of(world.account) for world in worlds] == before


def rows_of(account: Account) -> dict[str, Any]:
    """Whatever the account owns."""
    owned = (
        *(User, Invitation, ApiKey, AuditEntry, Debtor, Invoice, Payment, Promise, Escalation, TimelineEntry),
        *(Communication, Address, Gateway, MessageTemplate, ReminderPolicy, Reply, SenderProfile, Answer, ConsentEntry),
        *(Subscription, Event, Delivery, CalendarRule, CollectionSettings, Import, DebtorMerge, PossibleDuplicate),
        *(
            CreditNote,
            PaymentSettings,
            Document,
            PaymentHook,
            OpenItemsSource,
            PaymentReport,
            PolicyRule,
            CallTask,
            CallLog,
            Dispute,
            DisputeFile,
            DisputeReason,
            Note,
            Task,
            StaffFile,
        ),
    )
    rows: dict[str, Any] = {
        model.__name__: list(model._default_manager.filter(account=account).order_by("pk").values()) for model in owned
    }
    rows["ImportRow"] = list(ImportRow.objects.filter(file__account=account).order_by("pk").values())
    for user in rows["User"]:
        del user["last_login"]
    return {**rows, "Account": Account.objects.filter(pk=account.pk).values().get()}
