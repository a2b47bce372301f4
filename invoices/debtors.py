"""Finding or making the debtor an invoice speaks of."""

import datetime as dt
import functools
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import phonenumbers
from django.db import transaction
from django.db.models import Q, QuerySet

from inflow import statements
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.statements import Ahead, Compiled
from invoices import escalations, signals, timeline
from invoices.models import OPEN, CaseStatus, Debtor, Escalation, Reason

_MAX_IDENTITY = 520
# So many answers in a row, all unhandled, open an escalation.
UNREAD_IN_A_ROW = 3


class BadPhone(ValueError):
    """No phone number that exists in form."""


@functools.lru_cache(maxsize=2_000)
def normalise_email(text: str) -> str:
    return text.strip().lower()


@functools.lru_cache(maxsize=2_000)
def normalise_phone(text: str, country: str) -> str:
    """To E.164, `+971501234567`. A number without a country code is read as one of `country` (ISO 3166)."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(text) from error
    if not phonenumbers.is_possible_number(number):
        raise BadPhone(text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def find_or_make(account: Account, *, name: str, company: str, email: str, phone: str) -> Debtor:
    """By normalised email, else phone, else name and company. Two parallel calls get the same row."""
    if email:
        known, identity = {"email": normalise_email(email)}, f"email:{normalise_email(email)}"
    elif phone:
        known, identity = {"phone": phone}, f"phone:{phone}"
    else:
        identity = f"name:{name.strip().casefold()}|{company.strip().casefold()}"
        if len(identity) > _MAX_IDENTITY:  # folding makes up to three characters of one
            identity = f"name:{hashlib.sha256(identity.encode()).hexdigest()}"
        known = {"identity": identity}
    found = _known(account=account.id, **known)
    if found:
        return found[0]
    debtor = Debtor(
        account=account,
        identity=identity,
        name=name,
        company=company,
        email=normalise_email(email),
        phone=phone,
        page_key=uuid.uuid4(),
    )
    if statements.insert(debtor, unless="debtor_is_known_once_in_its_account"):
        return debtor
    return _known(account=account.id, identity=identity)[0]


def asks(account: Account, *, email: str, phone: str) -> Ahead | None:
    """What `find_or_make` will ask, where it goes by email or phone."""
    if email:
        return _known.ahead(account=account.id, email=normalise_email(email))
    return _known.ahead(account=account.id, phone=phone) if phone else None


@Compiled
def _known(*, account: uuid.UUID, **by: str) -> QuerySet[Debtor]:
    """The indexes leave out what is empty: said so, they are found whatever the value."""
    given = Q(*(~Q((name, "")) for name in by), account=account, **by)
    return Debtor.objects.filter(given).order_by("created_at")[:1]


def opt_out(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Nothing is sent to this debtor any more; what is about to pass the gate waits for this and sees it."""
    with _changing(account, debtor_id) as debtor:
        if debtor.opted_out_at is None:
            debtor.opted_out_at = account.now()
            _tell(debtor, actor, "opted_out", reason)
    return debtor


def opt_in(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """The debtor wishes to hear from us again."""
    with _changing(account, debtor_id) as debtor:
        if debtor.opted_out_at is not None:
            debtor.opted_out_at = None
            _tell(debtor, actor, "opted_in", reason)
    return debtor


def note_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Record an answer of the debtor: messages wait for a person, until the end of the third working day after it."""
    with transaction.atomic():
        hold_for_answer(account, debtor_id, actor, account.now())
        return tell_answer(account, debtor_id, actor, text=text)


def hold_for_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, at: dt.datetime) -> Debtor:
    """Hold messages because the debtor answered. Each answer holds them anew."""
    with _changing(account, debtor_id) as debtor:
        debtor.answered_at = at
        debtor.unhandled_since = debtor.unhandled_since or debtor.answered_at
        debtor.unhandled_answers += 1
        _save_answers(debtor, actor)
    return debtor


def tell_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Write an answer to the timelines. The third one in a row that nobody handles opens an escalation, once."""
    with _changing(account, debtor_id) as debtor:
        _tell(debtor, actor, "answered", text)
        if debtor.unhandled_answers == UNREAD_IN_A_ROW:
            _escalate_unread(debtor)
    return debtor


def handle_answer(
    account: Account,
    debtor_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    latest: dt.datetime | None = None,
    left: int = 0,
) -> Debtor:
    """Record that a person handled an answer: messages go on, unless `left` others still wait, the last since
    `latest`."""
    with _changing(account, debtor_id) as debtor:
        if debtor.answered_at is not None:
            debtor.answered_at, debtor.unhandled_answers = latest, left
            if not left:
                debtor.unhandled_since = None
            _save_answers(debtor, actor)
            if not left:
                _tell(debtor, actor, "answer_handled", reason)
    return debtor


def _save_answers(debtor: Debtor, actor: Actor) -> None:
    debtor.save(update_fields=["answered_at", "unhandled_answers", "unhandled_since"])
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def _escalate_unread(debtor: Debtor) -> None:
    """Open a case on the oldest open invoice, or join the one that is open there, unless these answers did so."""
    known = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNREAD_REPLIES)
    by_these = Q(opened_at__gte=debtor.unhandled_since)
    if known.filter(by_these | ~Q(status=CaseStatus.RESOLVED)).exists():
        return
    open_ones = debtor.invoices.filter(status__in=OPEN).select_for_update(no_key=True)
    oldest = open_ones.order_by("due_date", "id").first()
    if oldest:
        oldest.account, oldest.debtor = debtor.account, debtor
        escalations.open_case(oldest, Reason.UNREAD_REPLIES)


@contextmanager
def _changing(account: Account, debtor_id: uuid.UUID) -> Iterator[Debtor]:
    with transaction.atomic():
        debtor = Debtor.objects.select_for_update(no_key=True).get(account=account, pk=debtor_id)
        debtor.account = account
        yield debtor


def _tell(debtor: Debtor, actor: Actor, kind: str, reason: str) -> None:
    debtor.save()
    for invoice in debtor.invoices.filter(status__in=OPEN).order_by("id"):
        invoice.account = debtor.account
        timeline.note(invoice, kind, actor, reason=reason)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
