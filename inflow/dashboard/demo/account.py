"""The demo account: an invented business in Dubai and its debtors. See `seed_demo` and `play_demo`."""

import datetime as dt
import random
import secrets
import uuid
from pathlib import Path
from typing import Any

from django.utils import timezone

from communications.contacts import addresses
from communications.engine import clock
from communications.engine.errors import ClockBackwards, ClockBusy
from communications.models import Address, ConsentEntry, Medium, SenderProfile, Source, Wish
from inflow.accounts import audit, keys
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, ApiKey, Language, User
from inflow.accounts.plans import Plan
from inflow.accounts.roles import Role
from inflow.dashboard.demo import dating, deliveries
from inflow.dashboard.demo.desk import AGENT, MANAGER, Desk
from inflow.dashboard.demo.receiver import PATH
from inflow.dashboard.demo.stage import Stage
from inflow.dashboard.demo.story import Story
from invoices.debtors.finding import get_or_create
from invoices.models import Debtor, Invoice
from webhooks.models import Subscription

ACCOUNT_ID = uuid.UUID("de300000-0000-4000-8000-000000000001")
LOGIN = "demo@gulf-trading.example"
KEY_NAME = "Demo"
SEED = 20_261_122
AGE = dt.timedelta(days=112)

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
    ("Hassan Jaber", "", "", "+971500000114", "en", "AED"),
    ("عبدالله القحطاني", "شركة نجد للتوريدات", "abdullah@najd-supplies.example", "+966500000201", "ar", "SAR"),
    ("Sultan Al Harbi", "Riyadh Office Systems", "sultan@riyadh-office.example", "+966500000202", "en", "SAR"),
    ("هند الغامدي", "مؤسسة جدة البحرية", "hind@jeddah-marine.example", "+966500000203", "ar", "SAR"),
    ("بدر العنزي", "شركة السالمية للتجارة", "bader@salmiya-trade.example", "+96550000301", "ar", "KWD"),
    ("Dana Al Mutairi", "Kuwait Bay Logistics", "dana@kuwaitbay.example", "+96550000302", "en", "KWD"),
    ("Michael Turner", "Turner & Blake Imports", "mturner@turner-blake.example", "+12125550142", "en", "USD"),
    ("Grace Lin", "Pacific Rim Sourcing Inc.", "grace@pacific-rim.example", "+14155550117", "en", "USD"),
    ("Amina Diallo", "Atlantic Trade Partners", "amina@atlantic-trade.example", "", "en", "USD"),
]
NO_WHATSAPP = "+971500000114"
ACCOUNT: dict[str, Any] = {
    **{"name": "Gulf Trading demo", "plan": Plan.PRO, "is_test": True},
    **{"time_zone": "Asia/Dubai", "country": "AE", "language": Language.ENGLISH},
}


def fill(account: Account) -> dict[str, str]:
    """Add people, a key and a sender to a new demo account. Return the credentials."""
    began = account.now() - AGE
    Account.objects.filter(pk=account.pk).update(created_at=began)
    for person, role, name in ((MANAGER, Role.MANAGER, ("Layla", "Haddad")), (AGENT, Role.AGENT, ("Omar", "Saleh"))):
        User.objects.create_user(person.name, account=account, role=role, first_name=name[0], last_name=name[1])
        audit.record(account, "seed_demo", "user.created", person.name, role=role)
    credentials = issue_credentials(account)
    ApiKey.objects.filter(account=account).update(created_at=began)
    SenderProfile.objects.create(
        account=account,
        display_name="Gulf Trading LLC",
        reply_to="accounts@gulf-trading.example",
        phone="+971 4 555 0100",
        payment_en="Gulf Trading LLC, Bank of the Creek, Dubai\nIBAN AE07 0331 2345 6789 0123 456",
        payment_ar="جلف تريدنج ذ.م.م، بنك الخور، دبي\nرقم الآيبان AE07 0331 2345 6789 0123 456",
    )
    return credentials


def play(account: Account, port: int, *, seed: int = SEED, now: dt.datetime | None = None) -> bool:
    """Give the demo account its past, unless it has one. The same seed, at the same time, gives the same past."""
    now = now or timezone.now()
    began = now - AGE
    stage = Stage(account, began, now, random.Random(seed))  # noqa: S311
    try:
        with clock.history(account, began, stage.send):
            debtors = _make_debtors(account, began)
            _agree_to_whatsapp(account, began)
            addresses.mark_invalid(account, Medium.WHATSAPP, NO_WHATSAPP, began, "HTTP 400 63024 Invalid recipient")
            key = ApiKey.objects.filter(account=account).earliest("created_at")
            Story(stage, Actor(str(key), Channel.API)).tell(debtors)
            Desk(stage).open()
            stage.run()
            dating.date_rows(account, stage.now)
            deliveries.write(account, dating.date_events(account, stage.moments), stage, receiver_url(port))
    except (ClockBackwards, ClockBusy):
        return False
    return True


def has_past() -> bool:
    return Invoice.objects.filter(account=ACCOUNT_ID).exists()


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
    """Return True if the file exists and its key is valid in this database."""
    try:
        lines = credentials.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    found = dict(line.split(": ", 1) for line in lines if ": " in line)
    return keys.find(found.get("API key", "")) is not None


def point_receiver(port: int) -> None:
    """The server has moved to another port: its own receiver with it, unless the account has that one already."""
    url = receiver_url(port)
    if not Subscription.objects.filter(account_id=ACCOUNT_ID, target_url=url, deleted_at=None).exists():
        Subscription.objects.filter(pk=deliveries.RECEIVER_ID).update(target_url=url)


def receiver_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/{PATH}"


def _agree_to_whatsapp(account: Account, at: dt.datetime) -> None:
    """Each of them, in a contract."""
    where = {"account": account, "channel": Medium.WHATSAPP}
    signed = {"what": Wish.OPTED_IN, "source": Source.STAFF, "text": "Agreed to in the contract.", "at": at}
    those = Debtor.objects.for_account(account).exclude(phone="").order_by("name")
    contacts = [Address(**where, address=debtor.phone, opted_in_at=at) for debtor in those]
    unique = ["account", "channel", "address"]
    Address.objects.bulk_create(contacts, update_conflicts=True, unique_fields=unique, update_fields=["opted_in_at"])
    ConsentEntry.objects.bulk_create(
        ConsentEntry(**where, **signed, debtor=debtor, address=debtor.phone, actor=AGENT.name) for debtor in those
    )


def _make_debtors(account: Account, began: dt.datetime) -> list[tuple[Debtor, str]]:
    made = []
    for name, company, email, phone, language, currency in DEBTORS:
        debtor = get_or_create(account, name=name, company=company, email=email, phone=phone)
        debtor.language, debtor.created_at = language, began
        made.append((debtor, currency))
    Debtor.objects.bulk_update([debtor for debtor, _ in made], ["language", "created_at"])
    return made
