"""The demo account: an invented business in Dubai, its debtors and half a year of their invoices. See `seed_demo`."""

import datetime as dt
import random
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from communications import replies
from communications.models import Communication, ConsentEntry, Contact, Medium, SenderProfile, Source, State, Wish
from inflow.accounts import audit, keys
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, ApiKey, Language, User
from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from inflow.accounts.sealing import seal
from inflow.dashboard.demo.past import EVENTS_KEPT, Life, Past
from inflow.dashboard.demo.receiver import PATH
from invoices import debtors, money, parties
from invoices.models import OPEN, Debtor, Invoice
from webhooks import signing
from webhooks.endpoints import REASON_FAILING
from webhooks.models import EventType, Subscription

ACCOUNT_ID = uuid.UUID("de300000-0000-4000-8000-000000000001")
RECEIVER_ID = uuid.UUID("de300000-0000-4000-8000-000000000002")
LOGIN = "demo@gulf-trading.example"
KEY_NAME = "Demo"
HEARD = [
    EventType.INVOICE_CREATED,
    EventType.INVOICE_STATUS_CHANGED,
    EventType.PAYMENT_RECORDED,
    EventType.COMMUNICATION_SENT,
    EventType.COMMUNICATION_FAILED,
]
MANAGER = Actor("layla@gulf-trading.example", Channel.DASHBOARD)
AGENT = Actor("omar@gulf-trading.example", Channel.DASHBOARD)

# Name, company, email, phone, language, currency. Nobody here exists, and .example leads nowhere.
DEBTORS = [
    ("Fatima Al Mansoori", "Al Noor Interiors LLC", "accounts@alnoor.example", "+971500000101", "en", "AED"),
    ("خالد المزروعي", "شركة الواحة للمقاولات", "khalid@alwaha.example", "+971500000102", "ar", "AED"),
    ("Rajesh Menon", "Deira Building Materials LLC", "rajesh@deira-materials.example", "+971500000103", "en", "AED"),
    ("Sarah Whitfield", "Marina Yacht Services FZE", "ap@marina-yachts.example", "+971500000104", "en", "AED"),
    ("مريم الكعبي", "مؤسسة الريم للتجهيزات", "mariam@alreem.example", "+971500000105", "ar", "AED"),
    ("Omar Haddad", "Jumeirah Catering Co.", "omar@jumeirah-catering.example", "+971500000106", "en", "AED"),
    ("Priya Nair", "Bur Dubai Textiles LLC", "finance@burdubai-textiles.example", "+971500000107", "en", "AED"),
    ("سالم الظاهري", "مطابع العين الحديثة", "", "+971500000108", "ar", "AED"),
    ("Daniel Osei", "Jebel Ali Freight FZCO", "daniel@jebelali-freight.example", "+971500000109", "en", "AED"),
    ("Layla Farouk", "Sharjah Print House", "", "+971500000110", "en", "AED"),
    ("نورة الشامسي", "صيدليات الخليج الأزرق", "noura@bluegulf.example", "+971500000111", "ar", "AED"),
    ("Imran Qureshi", "Ajman Steel Works", "imran@ajman-steel.example", "+971500000112", "en", "AED"),
    ("Elena Petrova", "Palm Residence Management", "elena@palm-residence.example", "+971500000113", "en", "AED"),
    ("Hassan Jaber", "", "", "+971500000114", "en", "AED"),
    ("عبدالله القحطاني", "شركة نجد للتوريدات", "abdullah@najd-supplies.example", "+966500000201", "ar", "SAR"),
    ("Sultan Al Harbi", "Riyadh Office Systems", "sultan@riyadh-office.example", "+966500000202", "en", "SAR"),
    ("هند الغامدي", "مؤسسة جدة البحرية", "hind@jeddah-marine.example", "+966500000203", "ar", "SAR"),
    ("Yasser Al Otaibi", "Dammam Industrial Supply", "yasser@dammam-supply.example", "+966500000204", "en", "SAR"),
    ("بدر العنزي", "شركة السالمية للتجارة", "bader@salmiya-trade.example", "+96550000301", "ar", "KWD"),
    ("Dana Al Mutairi", "Kuwait Bay Logistics", "dana@kuwaitbay.example", "+96550000302", "en", "KWD"),
    ("Jaber Al Enezi", "Hawally Electronics", "jaber@hawally-electronics.example", "+96550000303", "en", "KWD"),
    ("Michael Turner", "Turner & Blake Imports", "mturner@turner-blake.example", "+12125550142", "en", "USD"),
    ("Grace Lin", "Pacific Rim Sourcing Inc.", "grace@pacific-rim.example", "+14155550117", "en", "USD"),
    ("Oliver Grant", "Thames Maritime Ltd.", "oliver@thames-maritime.example", "+442079460123", "en", "USD"),
    ("Amina Diallo", "Atlantic Trade Partners", "amina@atlantic-trade.example", "", "en", "USD"),
]
NO_WHATSAPP = "+971500000114"
ANSWERS = [
    ("ar", "سأحوّل المبلغ يوم الخميس إن شاء الله"),
    ("en", "We paid this on Sunday by transfer, reference TT-240117."),
    ("en", "Two of the cartons arrived damaged, please check."),
]
AMOUNTS = {"AED": (1_200, 85_000), "SAR": (1_500, 70_000), "KWD": (120, 6_500), "USD": (600, 32_000)}


@dataclass(frozen=True)
class Plot:
    """`count` invoices, their due dates spread evenly over `late` (days ago, both ends), and what happened to each."""

    count: int
    late: tuple[int, int]
    play: Callable[[Life, "Teller"], None]
    arrives: dt.timedelta | None = None  # how long ago an invoice that came already overdue was registered
    answer: State = State.SENT
    error: str = ""


@dataclass
class Teller:
    """Draws what differs from one life to the next."""

    random: random.Random
    today: dt.date
    system: Actor
    references: int = 240_000

    def reference(self) -> str:
        self.references += self.random.randint(1, 90)
        return f"TT-{self.references}"

    def amount(self, currency: str) -> Decimal:
        low, high = AMOUNTS[currency]
        amount = Decimal(low) * (Decimal(high) / low) ** Decimal(self.random.random())
        if self.random.random() < 0.7:
            return amount.quantize(Decimal("1E1")).quantize(Decimal(1))
        return amount.quantize(Decimal(1).scaleb(-money.EXPONENTS[currency]))

    def share(self, life: Life) -> Decimal:
        return (life.invoice.amount * Decimal(self.random.uniform(0.25, 0.65))).quantize(Decimal(1))


def _waits(life: Life, teller: Teller) -> None:
    """Nothing happens but the calendar."""


def _pays_a_part(life: Life, teller: Teller) -> None:
    day = teller.random.randint(0, max(0, (teller.today - life.invoice.due_date).days - 1))
    life.pay(life.on(day), teller.system, teller.share(life), method="bank_transfer", reference=teller.reference())


def _pays_a_deposit(life: Life, teller: Teller) -> None:
    at = life.at + dt.timedelta(hours=teller.random.randint(2, 14))
    life.pay(at, teller.system, teller.share(life), method="card", reference=teller.reference())


def _pays_early(life: Life, teller: Teller) -> None:
    days = min(-teller.random.randint(0, 8), (teller.today - life.invoice.due_date).days - 1)
    life.pay(life.on(days), teller.system, life.invoice.amount, method="bank_transfer", reference=teller.reference())


def _pays_late(life: Life, teller: Teller) -> None:
    days = teller.random.randint(1, min(28, (teller.today - life.invoice.due_date).days - 1))
    if teller.random.random() < 0.3:
        part = teller.share(life)
        life.pay(life.on(max(1, days // 2)), teller.system, part, method="bank_transfer", reference=teller.reference())
    life.pay(life.on(days), AGENT, life.invoice.balance, method="cheque", reference=teller.reference())


def _bounces(life: Life, teller: Teller) -> None:
    payment = life.pay(life.on(12), AGENT, life.invoice.amount, method="cheque", reference=teller.reference())
    life.bounce(life.on(18), AGENT, payment, reason="The bank returned the cheque.")


def _disputes(life: Life, teller: Teller) -> None:
    days = (teller.today - life.invoice.due_date).days - teller.random.randint(2, 12)
    at = life.on(days)
    says = teller.random.choice(["Two pallets arrived damaged.", "The quantity differs from the order.", "Paid twice?"])
    life.change(at, teller.system, disputed_at=at, reason=says)


def _holds(life: Life, teller: Teller) -> None:
    at = life.on((teller.today - life.invoice.due_date).days - teller.random.randint(1, 9))
    until = teller.today + dt.timedelta(days=teller.random.randint(1, 21))
    life.change(at, AGENT, hold_until=until, reason=f"Promised on the phone to pay by {until}.")


def _held_once(life: Life, teller: Teller) -> None:
    at = life.on(5)
    life.change(at, AGENT, hold_until=at.date() + dt.timedelta(days=10), reason="Asked for a week's patience.")


def _writes_off(life: Life, teller: Teller) -> None:
    at = life.on(teller.random.randint(100, 125))
    life.change(at, MANAGER, written_off_at=at, reason="The company is dissolved; nothing is left to collect.")


def _cancels(life: Life, teller: Teller) -> None:
    at = life.at + dt.timedelta(hours=teller.random.randint(1, 90))
    life.change(min(at, life.on(400)), teller.system, cancelled_at=at, reason="Issued twice by mistake.")


_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PLOTS = [
    Plot(32, (-40, 0), _waits),
    Plot(4, (-25, -2), _pays_a_deposit),
    Plot(19, (1, 30), _waits),
    Plot(9, (31, 60), _waits),
    Plot(6, (61, 90), _waits),
    Plot(5, (91, 150), _waits),
    Plot(5, (4, 30), _pays_a_part),
    Plot(6, (35, 140), _pays_a_part),
    Plot(4, (6, 45), _waits, arrives=_HOUR),
    Plot(2, (25, 48), _waits, arrives=12 * _DAY),
    Plot(15, (-10, 120), _pays_early),
    Plot(17, (3, 150), _pays_late),
    Plot(1, (40, 40), _bounces),
    Plot(6, (-5, 75), _disputes),
    Plot(6, (-3, 50), _holds),
    Plot(2, (28, 44), _held_once),
    Plot(5, (130, 190), _writes_off),
    Plot(5, (-20, 80), _cancels),
    Plot(3, (5, 55), _waits, answer=State.FAILED, error="550"),
    Plot(2, (18, 40), _waits, answer=State.UNKNOWN, error="TimeoutError"),
]


def account_defaults() -> dict[str, Any]:
    return {
        "name": "Gulf Trading demo",
        "plan": Plan.PRO,
        "time_zone": "Asia/Dubai",
        "country": "AE",
        "language": Language.ENGLISH,
        "is_test": True,
    }


def fill(account: Account, port: int) -> dict[str, str]:
    """People, a key, and the past of a new demo account. Returns the credentials."""
    now = account.now()
    began = now - dt.timedelta(days=260)
    Account.objects.filter(pk=account.pk).update(created_at=began)
    for person, role, name in ((MANAGER, Role.MANAGER, ("Layla", "Haddad")), (AGENT, Role.AGENT, ("Omar", "Saleh"))):
        User.objects.create_user(person.name, account=account, role=role, first_name=name[0], last_name=name[1])
        audit.record(account, "seed_demo", "user.created", person.name, role=role)
    credentials = issue_credentials(account)
    key = ApiKey.objects.get(account=account)
    ApiKey.objects.filter(pk=key.pk).update(created_at=began)

    SenderProfile.objects.create(
        account=account,
        display_name="Gulf Trading LLC",
        reply_to="accounts@gulf-trading.example",
        phone="+971 4 555 0100",
        payment_en="Gulf Trading LLC, Bank of the Creek, Dubai\nIBAN AE07 0331 2345 6789 0123 456",
        payment_ar="جلف تريدنج ذ.م.م، بنك الخور، دبي\nرقم الآيبان AE07 0331 2345 6789 0123 456",
    )
    past = Past(account, now, random.Random(20_261_122), AGENT)  # noqa: S311
    _has_no_whatsapp(past, began)
    _play(past, Teller(past.random, account.today(), Actor(str(key), Channel.API)), _make_debtors(account, began))
    past.number_events()
    _tell_receiver(past, port)
    _tell_broken(past)
    past.insert()
    _agree_to_whatsapp(account, began)
    _answer(account)
    return credentials


def issue_credentials(account: Account) -> dict[str, str]:
    """A new password for the demo's admin and a new key. Neither is kept in plain anywhere but with the caller."""
    password = secrets.token_urlsafe(12)
    user = User.objects.filter(email=LOGIN).first() or User(
        email=LOGIN, account=account, role=Role.ADMIN, first_name="Noor", last_name="Khalil"
    )
    what = "user.password_changed" if user.pk else "user.created"
    user.set_password(password)
    user.save()
    audit.record(account, "seed_demo", what, LOGIN)
    _, plaintext = keys.issue(account, name=KEY_NAME, actor="seed_demo")
    return {"Login": LOGIN, "Password": password, "API key": plaintext}


def are_valid(credentials: Path) -> bool:
    """Whether the file is there and its key is still good in this database."""
    try:
        lines = credentials.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    found = dict(line.split(": ", 1) for line in lines if ": " in line)
    return keys.find(found.get("API key", "")) is not None


def point_receiver(port: int) -> None:
    """The server has moved to another port: its own receiver with it, unless the account has that one already."""
    url = _receiver_url(port)
    if not Subscription.objects.filter(account_id=ACCOUNT_ID, target_url=url, deleted_at=None).exists():
        Subscription.objects.filter(pk=RECEIVER_ID).update(target_url=url)


def _receiver_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/{PATH}"


def _has_no_whatsapp(past: Past, since: dt.datetime) -> None:
    """Who has neither email nor WhatsApp gets SMS."""
    past.contacts[Medium.WHATSAPP, NO_WHATSAPP] = Contact(
        account=past.account,
        channel=Medium.WHATSAPP,
        address=NO_WHATSAPP,
        invalid_at=since,
        invalid_because="HTTP 400 63024 Invalid message recipient",
    )


def _agree_to_whatsapp(account: Account, at: dt.datetime) -> None:
    """Each of them, in a contract."""
    where = {"account": account, "channel": Medium.WHATSAPP}
    signed = {"what": Wish.OPTED_IN, "source": Source.STAFF, "text": "Agreed to in the contract.", "at": at}
    those = Debtor.objects.for_account(account).exclude(phone="").order_by("name")
    contacts = [Contact(**where, address=debtor.phone, opted_in_at=at) for debtor in those]
    unique = ["account", "channel", "address"]
    Contact.objects.bulk_create(contacts, update_conflicts=True, unique_fields=unique, update_fields=["opted_in_at"])
    ConsentEntry.objects.bulk_create(
        ConsentEntry(**where, **signed, debtor=debtor, address=debtor.phone, actor=AGENT.name) for debtor in those
    )


def _answer(account: Account) -> None:
    """What some debtors have answered by now, each to their last message."""
    reached = Communication.objects.for_account(account).filter(status=State.DELIVERED, invoice__status__in=OPEN)
    for number, (language, text) in enumerate(ANSWERS, start=1):
        silent = reached.filter(language=language, debtor__replies=None).order_by("-sent_at", "id")
        if message := silent.first():
            replies.receive(account, message.channel, message.recipient, text, f"SM{number:032x}")


def _make_debtors(account: Account, began: dt.datetime) -> list[tuple[Debtor, str]]:
    made = []
    for name, company, email, phone, language, currency in DEBTORS:
        debtor = debtors.find_or_make(account, name=name, company=company, email=email, phone=phone)
        debtor.language, debtor.created_at = language, began
        made.append((debtor, currency))
    Debtor.objects.bulk_update([debtor for debtor, _ in made], ["language", "created_at"])
    return made


def _play(past: Past, teller: Teller, made: list[tuple[Debtor, str]]) -> None:
    """All plots, in the order in which their invoices were registered: that is the order of their numbers."""
    cast = []
    for plot in PLOTS:
        first, last = plot.late
        for index in range(plot.count):
            late = first + round((last - first) * index / max(1, plot.count - 1))
            cast.append((plot, late))
    past.random.shuffle(cast)
    drafts = []
    for index, (plot, late) in enumerate(cast):
        debtor, currency = made[index % len(made)]
        if plot.error and not debtor.email:
            debtor, currency = made[0]
        drafts.append((plot, _draft(past, teller, plot, late, debtor, currency)))
    drafts.sort(key=lambda draft: draft[1].created_at)
    for number, (plot, invoice) in enumerate(drafts, start=1001):
        invoice.invoice_number = f"INV-{number}"
        life = Life(past, invoice, teller.system, answer=plot.answer, error=plot.error)
        plot.play(life, teller)
        life.until(past.now)


def _draft(past: Past, teller: Teller, plot: Plot, late: int, debtor: Debtor, currency: str) -> Invoice:
    draw = past.random
    due_date = teller.today - dt.timedelta(days=late)
    # Issued yesterday at the latest, so that its day of business is over.
    issue_date = due_date - dt.timedelta(days=draw.choice([days for days in (14, 30, 30, 45, 60) if days > -late]))
    time = dt.time(draw.randint(8, 17), draw.randint(0, 59), draw.randint(0, 59))
    created_at = dt.datetime.combine(issue_date, time, past.account.zone).astimezone(dt.UTC)
    if plot.arrives:
        created_at = past.now - plot.arrives - dt.timedelta(minutes=draw.randint(1, 40))
    return Invoice(
        account=past.account,
        debtor=debtor,
        debtor_name=debtor.name,
        debtor_company=debtor.company,
        debtor_email=debtor.email,
        debtor_phone=debtor.phone,
        party=parties.of(debtor.name, debtor.company).key,
        amount=teller.amount(currency),
        currency=currency,
        issue_date=issue_date,
        due_date=due_date,
        language=debtor.language,
        created_at=created_at,
    )


def _tell_receiver(past: Past, port: int) -> None:
    """Three weeks with the receiver of `make run`: most arrive at once, some late, few never, the last one is due."""
    since = past.now - dt.timedelta(days=21)
    subscription = Subscription.objects.create(
        id=RECEIVER_ID,
        account=past.account,
        target_url=_receiver_url(port),
        events=sorted(HEARD),
        sealed_secret=seal(signing.new_secret()),
        created_at=since,
    )
    heard = [event for event in past.events if event.created_at >= since]
    for index, event in enumerate(heard):
        settled = past.now - event.created_at > dt.timedelta(hours=2)
        failures = past.random.choices((0, 1, 2, 3), (86, 9, 3, 2))[0] if settled else 0
        if index in (3, 17):
            failures = 10
        past.deliver(event, subscription, failures, until=past.now)
    last = past.deliveries[-1]
    past.attempts = [attempt for attempt in past.attempts if attempt.delivery != last]
    last.status, last.attempts_made, last.next_attempt_at = "pending", 0, past.now


def _tell_broken(past: Past) -> None:
    """A target that fell silent: ten tries in vain for each event, then disabled, and skipped ever since."""
    since, broke, disabled = (past.now - dt.timedelta(days=days) for days in (EVENTS_KEPT.days, 24, 14))
    subscription = Subscription.objects.create(
        account=past.account,
        target_url="https://hooks.erp.example/inflow",
        events=sorted([EventType.INVOICE_CREATED, EventType.PAYMENT_RECORDED]),
        sealed_secret=seal(signing.new_secret()),
        is_active=False,
        disabled_reason=REASON_FAILING,
        failing_since=broke,
        created_at=since,
    )
    for event in past.events:
        if event.type in subscription.events:
            failures = 0 if event.created_at < broke else 10
            past.deliver(event, subscription, failures, until=disabled)
    subscription.failures = sum(
        attempt.status != 204 for attempt in past.attempts if attempt.delivery.subscription == subscription
    )
    subscription.save()
