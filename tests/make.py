"""Plain functions that make what a test needs, by the same verbs as everybody. Days count from the account's today."""

import datetime as dt
import itertools
import uuid
import zoneinfo
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.utils import timezone

from communications.channels import gateways
from communications.content import messages
from communications.delivery import sender
from communications.models import Address, Communication, Gateway
from communications.schedule.calendar import Place
from inflow.accounts import keys
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, ApiKey, Scope, User
from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.bank import matching, reading, statements
from invoices.cases import cases
from invoices.imports import phases
from invoices.lifecycle import NewInvoice
from invoices.models import (
    BankFile,
    BankLine,
    CalendarRule,
    Debtor,
    Escalation,
    Invoice,
    PaymentHook,
    PaymentReport,
    ReportKind,
    Status,
)
from invoices.models.imports import Import
from invoices.payment_hooks import reports
from invoices.payment_hooks.reading import Report
from invoices.workdays import WorkDays
from webhooks import subscriptions
from webhooks.models import Event, EventType, Subscription

API = Actor("a key", Channel.API)
STAFF = Actor("manager@example.com", Channel.DASHBOARD)
PASSWORD = "correct horse battery staple"
ALL_EVENTS = tuple(EventType.values)

# Their dates are never the same: 25 hours lie between them.
EARLIEST_ZONE, LATEST_ZONE = "Pacific/Kiritimati", "Pacific/Pago_Pago"

# The id of nothing.
NOWHERE = uuid.UUID("00000000-0000-4000-8000-000000000007")

# A day as far ahead as the API and agents may pause reminders, whatever the account's time zone.
FAR_AHEAD = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=178)).isoformat()

_numbers = itertools.count(1)


def account(
    name: str = "Falcon Trading LLC",
    *,
    plan: str = Plan.FREE,
    time_zone: str = "Asia/Dubai",
    country: str = "AE",
    language: str = "en",
    is_test: bool = False,
    suspended_at: dt.datetime | None = None,
    requests_per_minute: int | None = None,
    requests_per_day: int | None = None,
) -> Account:
    return Account.objects.create(
        name=name,
        plan=plan,
        time_zone=time_zone,
        country=country,
        language=language,
        is_test=is_test,
        suspended_at=suspended_at,
        requests_per_minute=requests_per_minute,
        requests_per_day=requests_per_day,
    )


def key(
    account: Account,
    *,
    name: str = "a key",
    scopes: Iterable[str] | None = None,
    expires_at: dt.datetime | None = None,
) -> tuple[ApiKey, str]:
    """The key and its plaintext, with every scope unless said otherwise."""
    return keys.issue(account, name=name, scopes=Scope.values if scopes is None else scopes, expires_at=expires_at)


def user(
    account: Account | None, role: Role = Role.ADMIN, *, email: str | None = None, password: str = PASSWORD
) -> User:
    """A member of the account; without one, platform staff."""
    email = email or f"person{next(_numbers)}@example.com"
    if account is None:
        return User.objects.create_superuser(email, password)
    return User.objects.create_user(email, password, account=account, role=role)


class InvoiceFields(TypedDict, total=False):
    """What a test may choose; the rest is an invoice of AED 25,000, due in 30 days."""

    invoice_number: str
    amount: Decimal | int | str
    currency: str
    due_in: int
    due_date: dt.date
    issue_date: dt.date
    debtor_name: str
    debtor_company: str
    debtor_email: str
    debtor_phone: str
    language: str
    notes: str
    amount_paid: Decimal | int | str
    tags: list[str]


def new_invoice(account: Account, **given: Unpack[InvoiceFields]) -> NewInvoice:
    return NewInvoice(
        invoice_number=given.get("invoice_number") or f"INV-{next(_numbers)}",
        debtor_name=given.get("debtor_name", "Ahmed Al Rashid"),
        amount=Decimal(given.get("amount", 25_000)),
        currency=given.get("currency", "AED"),
        due_date=given.get("due_date") or account.today() + dt.timedelta(days=given.get("due_in", 30)),
        issue_date=given.get("issue_date"),
        debtor_company=given.get("debtor_company", "Gulf Trading LLC"),
        debtor_email=given.get("debtor_email", "ahmed@gulftrading.example"),
        debtor_phone=given.get("debtor_phone", ""),
        language=given.get("language"),
        notes=given.get("notes", ""),
        amount_paid=Decimal(given.get("amount_paid", 0)),
        tags=given.get("tags", []),
    )


def invoice(account: Account, *, actor: Actor = API, **given: Unpack[InvoiceFields]) -> Invoice:
    """A registered invoice; the clock has not looked at it yet."""
    return lifecycle.create(account, new_invoice(account, **given), actor)


def overdue_invoice(
    account: Account,
    *,
    place: Place | None = None,
    created_at: dt.datetime | None = None,
    **given: Unpack[InvoiceFields],
) -> Invoice:
    """One that the clock found past its due date, by default of ten days ago, so that its first reminder is planned.

    `place` is where its debtor is; `created_at` moves its arrival.
    """
    given.setdefault("due_in", -10)
    made = invoice(account, **given)
    if place is not None:
        Debtor.objects.filter(pk=made.debtor_id).update(time_zone=place.zone.key, country=place.country)
    if created_at is not None:
        arrived_on = created_at.astimezone(account.zone).date()
        Invoice.objects.filter(pk=made.pk).update(created_at=created_at, entered_on=arrived_on, entered_at=created_at)
    assert lifecycle.age(account, made.pk)
    return again(made)


def invoice_in(account: Account, status: str, *, overdue: bool = False) -> Invoice:
    """An invoice brought to `status` through the lifecycle; `overdue` says where its due date lies."""
    made = invoice(account, due_in=-10 if overdue or status == Status.OVERDUE else 30)
    if made.due_date < account.today():
        lifecycle.age(account, made.pk)
    if status not in (Status.NEW, Status.OVERDUE):
        lifecycle.change(account, made.pk, STAFF, status=status)
    made = again(made)
    assert made.status == status
    return made


def again(invoice: Invoice) -> Invoice:
    """The invoice as it is stored now."""
    stored: Invoice = Invoice.objects.select_related("account", "debtor").get(pk=invoice.pk)
    return stored


def reminder_due(invoice: Invoice) -> Communication:
    """The invoice's planned message, its moment come."""
    planned = Communication.objects.filter(invoice=invoice, status="scheduled")
    assert planned.update(scheduled_for=timezone.now() - dt.timedelta(seconds=1)) == 1
    communication: Communication = planned.get()
    return communication


def escalation(invoice: Invoice, *, level: int = 1) -> Escalation:
    """A case opened by hand."""
    cases.open_manually(invoice.account, invoice.pk, STAFF, level=level)
    made: Escalation = Escalation.objects.get(invoice=invoice, level=level)
    return made


def message_of(invoice: Invoice) -> messages.Message:
    """The words of the invoice's planned message, as things stand."""
    invoice = again(invoice)
    row = Communication.objects.get(invoice=invoice, status="scheduled")
    row.invoice = invoice
    return messages.render(invoice.account, invoice.debtor, [row], [invoice])


def calendar_rule(account: Account | None, name: str, *, day: dt.date = dt.date(2026, 4, 14)) -> CalendarRule:
    """A holiday in the UAE: the account's own, without one everybody's."""
    made: CalendarRule = CalendarRule.objects.create(
        account=account, country="AE", kind="holiday", name=name, starts_on=day
    )
    return made


def sent_reminder(account: Account) -> Communication:
    """A reminder to a debtor of its own that has left us."""
    late = overdue_invoice(account, place=open_place(), debtor_email=f"debtor{next(_numbers)}@example.com")
    due = reminder_due(late)
    assert sender.send(due.pk)
    sent: Communication = Communication.objects.get(pk=due.pk)
    return sent


def import_of(
    account: Account,
    person: User,
    name: str,
    text: str = "invoice_number,reference,amount\nINV-1,FT-1,100\n",
    kind: str = "payments",
) -> Import:
    """A file that was uploaded and checked: it waits for a person."""
    file = phases.start(account, person, kind=kind, file_name=name, content=text.encode())
    while phases.work(file.pk):
        pass
    file.refresh_from_db()
    return file


def bank_line(account: Account, person: User, text: str, amount: Decimal | int = 100) -> BankLine:
    """A line of a bank statement that was uploaded, read and matched: it waits for a person."""
    day = account.today() - dt.timedelta(days=1)
    entry = reading.ParsedEntry(
        line=1,
        day=day,
        value_day=None,
        amount=Decimal(amount),
        currency="AED",
        original_amount=None,
        original_currency="",
        is_return=False,
        return_reason="",
        payer_name="",
        payer_account="",
        text=text,
        end_to_end="",
        bank_reference=f"FT{next(_numbers):06}",
        is_shared=False,
    )
    statement = reading.ParsedStatement(
        account="AE070331234567890123456",
        statement_id="S1",
        sequence="1",
        from_date=day,
        to_date=day,
        currency="AED",
        opening=Decimal(0),
        closing=Decimal(amount),
        skipped=0,
        entries=[entry],
    )
    file = BankFile.objects.create(
        account=account, file_name="november.sta", content=b"", state="read", actor=person.email, uploaded_by=person
    )
    with transaction.atomic():
        statements.store(file, [statement])
    matching.match(account, matching.to_do(account))
    made: BankLine = BankLine.objects.get(shown__statement__file=file)
    return made


TOKEN = "token of the provider"


def gateway(
    account: Account,
    channel: str = "sms",
    *,
    base_url: str = "https://api.gateway.example",
    token: str = TOKEN,
    sender: str = "",
) -> Gateway:
    """What the account's SMS or WhatsApp messages go through; WhatsApp has approved of English reminders."""
    sender = sender or ("Falcon" if channel == "sms" else "+97145550100")
    made = Gateway(
        account=account, channel=channel, base_url=base_url, account_sid=f"AC{account.pk.hex}", sender=sender
    )
    if channel == "whatsapp":
        made.content_sids = {"reminder.en": "HX77"}
    gateways.set_token(made, token)
    made.save()
    return made


def agreed_to_whatsapp(account: Account, phone: str = "+971501234567") -> Address:
    """What is known of a number whose owner agreed to be written to on WhatsApp."""
    made: Address = Address.objects.create(
        account=account, channel="whatsapp", address=phone, opted_in_at=account.now()
    )
    return made


def subscription(
    account: Account, target_url: str, events: Sequence[str] = (EventType.INVOICE_CREATED,)
) -> tuple[Subscription, str]:
    """The subscription and its secret."""
    made, secret = subscriptions.subscribe(account, target_url, events)
    assert secret is not None
    return made, secret


def events_of(account: Account) -> list[str]:
    """The types of the account's events, oldest first."""
    return list(Event.objects.for_account(account).order_by("seq").values_list("type", flat=True))


def open_place() -> Place:
    """Where debtors may be written to at this moment and for the next hours, whatever the hour and day are here."""
    return _place_at_hour(range(10, 14))


def closed_place() -> Place:
    """Where it is night on a working day: the window opens there within hours."""
    return _place_at_hour(range(2, 6))


def _place_at_hour(hours: range) -> Place:
    """Etc/GMT's signs are turned: Etc/GMT-4 is four hours east."""
    now = timezone.now()
    for east in range(-12, 15):
        zone = zoneinfo.ZoneInfo(f"Etc/GMT{-east:+d}")
        local = now.astimezone(zone)
        for country, weekend in (("GB", {5, 6}), ("EG", {4, 5}), ("BN", {4, 6})):  # without holidays in the rows
            place = Place(zone, country, days=WorkDays(frozenset(weekend)))
            if local.hour in hours and not place.days.is_off(local.date()):
                return place
    raise AssertionError("some place works on each day at each hour")


def payment_report(hook: PaymentHook, **given: Any) -> PaymentReport:
    """A report that waits for a person, because no invoice has its number."""
    about = {"invoice_number": "NOPE", "amount": Decimal(100), "currency": "AED", "paid_on": hook.account.today()}
    id = f"pay-{next(_numbers)}"
    report = Report(event_id=id, **{"payment_id": id, "kind": ReportKind.PAYMENT, **about, **given})
    return reports.receive(hook, report)
