"""The signed links that debtors get: to their page, and out of a channel.

A link is good for one thing, until its moment in the account's time. The page's ends earlier where the debtor is given
another `page_key`. With any character changed it is no link.
"""

import datetime as dt
import hashlib
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.http import base36_to_int, int_to_base36

from communications.models import Communication, Medium
from communications.schedule import one_off
from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import Debtor, Invoice

PAGE_LIFETIME = dt.timedelta(days=90)
# Longer than people keep a mail before they have had enough.
UNSUBSCRIBE_LIFETIME = dt.timedelta(days=730)

_PAGE, _UNSUBSCRIBE = "page", "unsubscribe"
_LANGUAGE = 2  # letters


@dataclass(frozen=True, slots=True)
class PageLink:
    """The page that a link opens, in which language, and until when."""

    debtor: Debtor
    language: str
    expires_at: dt.datetime
    party: DebtorParty


def page_url(debtor: Debtor, language: str, party: str = "") -> str:
    """The absolute address of the debtor's page, good for `PAGE_LIVES`. It shows the invoices of one party, named by
    the key of one of its invoices; without one, it opens only while the debtor's invoices name no other."""
    rest = language + (_digest(party) if party else "")
    token = _sign(_PAGE, debtor.account, PAGE_LIFETIME, debtor.page_key, rest)
    return settings.BASE_URL + reverse("debtor-page", args=[token])


def page_url_of(invoice: Invoice, language: str) -> str:
    """The absolute address of the page with an invoice and the others of its party."""
    return page_url(invoice.debtor, language, invoice.party)


def unsubscribe_url(communication: Communication) -> str:
    """The absolute address at which the message's recipient leaves its channel, by one POST."""
    token = _sign(_UNSUBSCRIBE, communication.account, UNSUBSCRIBE_LIFETIME, communication.pk)
    return settings.BASE_URL + reverse("unsubscribe", args=[token])


def urls_for_message(debtor: Debtor, communication: Communication) -> dict[str, str]:
    """The links that go into a message; an SMS holds none."""
    channel, language = communication.channel, communication.language
    if not one_off.is_by_person(communication):
        language = debtor.language or language
    party = communication.invoice.party if communication.invoice_id else ""
    return {
        "page_url": page_url(debtor, language, party) if channel != Medium.SMS else "",
        "unsubscribe_url": unsubscribe_url(communication) if channel == Medium.EMAIL else "",
    }


def resolve_page(token: str) -> PageLink | None:
    """None, whatever is wrong with the link. An older link names no party: it opens the page of a debtor whose invoices
    name only one."""
    read = _read(_PAGE, token)
    if read is None:
        return None
    key, expires_at, rest = read
    language, digest = rest[:_LANGUAGE], rest[_LANGUAGE:]
    debtor = Debtor.objects.select_related("account").filter(page_key=key).first()
    if debtor is None or debtor.account.now() >= expires_at:
        return None
    parties = debtor_parties.of(debtor)
    if digest:
        parties = [party for party in parties if digest in map(_digest, party.keys)]
    return PageLink(debtor, language, expires_at, parties[0]) if len(parties) == 1 else None


def resolve_unsubscribe(token: str) -> Communication | None:
    """The message whose recipient wants out; None, whatever is wrong with the link."""
    read = _read(_UNSUBSCRIBE, token)
    if read is None:
        return None
    key, expires_at, _ = read
    message = Communication.objects.select_related("account").filter(pk=key).first()
    return message if message and message.account.now() < expires_at else None


def revoke(debtor: Debtor, actor: Actor) -> None:
    """Every link to the debtor's page that was sent until now leads nowhere. The next message has a new one."""
    Debtor.objects.filter(pk=debtor.pk).update(page_key=uuid.uuid4())
    audit.record(debtor.account, actor.name, "debtor.links_revoked", str(debtor)[:120])


def _sign(purpose: str, account: Account, lifetime: dt.timedelta, key: uuid.UUID, rest: str = "") -> str:
    until = int_to_base36(int((account.now() + lifetime).timestamp()))
    return _signer(purpose).sign(urlsafe_b64encode(key.bytes).decode().rstrip("=") + until + rest)


def _read(purpose: str, token: str) -> tuple[uuid.UUID, dt.datetime, str] | None:
    """The signature is over the text and compared as text: no two spellings of a link are good."""
    try:
        value = _signer(purpose).unsign(token)
    except BadSignature:
        return None
    key = uuid.UUID(bytes=urlsafe_b64decode(value[:22] + "=="))
    return key, dt.datetime.fromtimestamp(base36_to_int(value[22:28]), dt.UTC), value[28:]


def _digest(party: str) -> str:
    """Return what stands for a party in a link: its name must not be read there."""
    return urlsafe_b64encode(hashlib.sha256(party.encode()).digest()[:12]).decode()


def _signer(purpose: str) -> Signer:
    return Signer(sep=".", salt=f"inflow.communications.links.{purpose}")
