"""Signed links for debtors: to their page, and to unsubscribe from a channel.

A link is valid for one purpose and expires in the account's time. Links to the page become invalid earlier if the
debtor gets a new `page_key`. A link with any changed character is invalid.
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

from communications.models import Communication, Copy, Medium
from communications.schedule import one_off
from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices.debtors import aliases, debtor_parties, parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import Debtor, Invoice

PAGE_LIFETIME = dt.timedelta(days=90)
# Unsubscribe links in old mails must keep working.
UNSUBSCRIBE_LIFETIME = dt.timedelta(days=730)

_PAGE, _UNSUBSCRIBE = "page", "unsubscribe"
_LANGUAGE = 2  # letters


@dataclass(frozen=True, slots=True)
class PageLink:
    """A valid link to the debtor's page: language, party and expiry."""

    debtor: Debtor
    language: str
    expires_at: dt.datetime
    party: DebtorParty


def page_url(debtor: Debtor, language: str, party: str = "") -> str:
    """Return the absolute URL of the debtor's page, valid for `PAGE_LIFETIME`.

    It shows the invoices of one party, given by its key. Without a party, it works only while the debtor has a single
    party.
    """
    rest = language + (_digest(party) if party else "")
    token = _sign(_PAGE, debtor.account, PAGE_LIFETIME, debtor.page_key, rest)
    return settings.BASE_URL + reverse("debtor-page", args=[token])


def page_url_of(invoice: Invoice, language: str) -> str:
    """Return the absolute URL of the page with an invoice and the others of its party."""
    return page_url(invoice.debtor, language, invoice.party)


def unsubscribe_url(communication: Communication | Copy) -> str:
    """Return the absolute URL at which one POST opts the recipient of a message out of its channel."""
    token = _sign(_UNSUBSCRIBE, communication.account, UNSUBSCRIBE_LIFETIME, communication.pk)
    return settings.BASE_URL + reverse("unsubscribe", args=[token])


def urls_for_message(
    debtor: Debtor, communication: Communication, language: str = "", copy: Copy | None = None
) -> dict[str, str]:
    """Return the URLs for a message. An SMS has none.

    `language` is the recipient's own. With `copy`, the unsubscribe link is that of this copy.
    """
    channel = communication.channel
    if one_off.is_by_person(communication):
        language = communication.language
    language = language or debtor.language or communication.language
    party = communication.invoice.party if communication.invoice_id else ""
    return {
        "page_url": page_url(debtor, language, party) if channel != Medium.SMS else "",
        "unsubscribe_url": unsubscribe_url(copy or communication) if channel == Medium.EMAIL else "",
    }


def resolve_page(token: str) -> PageLink | None:
    """Return the page of a token, or None if the token is invalid or expired.

    A token without a party is valid only if the debtor has a single party. A token of a merged debtor opens the page of
    its own party only.
    """
    read = _read(_PAGE, token)
    if read is None:
        return None
    key, expires_at, rest = read
    language, digest = rest[:_LANGUAGE], rest[_LANGUAGE:]
    debtor = Debtor.objects.select_related("account").filter(page_key=key).first()
    if debtor is None or debtor.account.now() >= expires_at:
        return None
    if debtor.merged_into_id and not digest:
        digest = _digest(parties.of(debtor.name, debtor.company).key)
    debtor = aliases.current(debtor)
    found = debtor_parties.of(debtor)
    if digest:
        found = [party for party in found if digest in map(_digest, party.keys)]
    return PageLink(debtor, language, expires_at, found[0]) if len(found) == 1 else None


def resolve_unsubscribe(token: str) -> Communication | Copy | None:
    """Return the message or copy of an unsubscribe token, or None if the token is invalid or expired."""
    read = _read(_UNSUBSCRIBE, token)
    if read is None:
        return None
    key, expires_at, _ = read
    message: Communication | Copy | None = Communication.objects.select_related("account").filter(pk=key).first()
    message = message or Copy.objects.select_related("account").filter(pk=key).first()
    return message if message and message.account.now() < expires_at else None


def revoke(debtor: Debtor, actor: Actor) -> None:
    """Invalidate all existing links to the debtor's page. The next message contains a new one."""
    for pk in aliases.ids_of(debtor.pk):
        Debtor.objects.filter(pk=pk).update(page_key=uuid.uuid4())
    audit.record(debtor.account, actor.name, "debtor.links_revoked", str(debtor)[:120])


def _sign(purpose: str, account: Account, lifetime: dt.timedelta, key: uuid.UUID, rest: str = "") -> str:
    until = int_to_base36(int((account.now() + lifetime).timestamp()))
    return _signer(purpose).sign(urlsafe_b64encode(key.bytes).decode().rstrip("=") + until + rest)


def _read(purpose: str, token: str) -> tuple[uuid.UUID, dt.datetime, str] | None:
    """Return key, expiry and the rest of a token, or None if its signature is invalid."""
    try:
        value = _signer(purpose).unsign(token)
    except BadSignature:
        return None
    key = uuid.UUID(bytes=urlsafe_b64decode(value[:22] + "=="))
    return key, dt.datetime.fromtimestamp(base36_to_int(value[22:28]), dt.UTC), value[28:]


def _digest(party: str) -> str:
    """Return a digest of a party for links, which must not reveal its name."""
    return urlsafe_b64encode(hashlib.sha256(party.encode()).digest()[:12]).decode()


def _signer(purpose: str) -> Signer:
    return Signer(sep=".", salt=f"inflow.communications.links.{purpose}")
