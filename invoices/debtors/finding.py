"""Finding the debtor of an invoice, or creating it."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Self

from django.db import IntegrityError, transaction
from django.db.models import CharField, F, Func, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import Batch, columns, objects, select
from invoices.debtors import aliases, contacts, debtor_parties, parties
from invoices.debtors.contacts import normalise_email
from invoices.debtors.parties import Party
from invoices.errors import Refused
from invoices.models import Debtor, DebtorExternalId, Invoice
from invoices.models.identities import DebtorIdentity


class Names(NamedTuple):
    """The name, company, normalised email and phone that an invoice gives for its debtor."""

    name: str
    company: str
    email: str
    phone: str

    @property
    def party(self) -> Party:
        return parties.of(self.name, self.company)

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


class Wanted(NamedTuple):
    """The names of a debtor, and its external id in canonical form or an empty string."""

    names: Names
    external_id: str = ""

    @classmethod
    def of(cls, *, name: str, company: str, email: str, phone: str, external_id: str = "") -> Self:
        return cls(Names(name, company, normalise_email(email), phone), canonical(external_id))


class Row(NamedTuple):
    """An identity and its debtor, or the one that replaced it."""

    debtor: Debtor
    form: str
    email: str
    phone: str


class Match(NamedTuple):
    """A debtor, and True if it has an identity with exactly the wanted party and contacts."""

    debtor: Debtor | None
    is_exact: bool = False


Found = dict[Wanted, Debtor | Refused]


def get_or_create(
    account: Account, *, name: str, company: str, email: str, phone: str, external_id: str = ""
) -> Debtor:
    """Return the debtor of an invoice: one of the same party that shares a contact (see `_MATCHES`), or a new one.

    A shared mailbox or phone alone never joins two parties. Parallel calls for one party return the same debtor.

    A known external id decides. Raise `Refused` if neither party, address nor mail domain agrees with its debtor. An
    unknown id is given to the one match that has none, or else to a new debtor.
    """
    wanted = Wanted.of(name=name, company=company, email=email, phone=phone, external_id=external_id)
    found = get_or_create_all(account, [wanted])[wanted]
    if isinstance(found, Refused):
        raise found
    return found


def get_or_create_all(account: Account, wanted: Iterable[Wanted]) -> Found:
    """Return the debtor of each, as `get_or_create` does in this order, or why it is refused. Use few statements."""
    left = list(dict.fromkeys(wanted))
    found = _existing(account, left)
    while left := [each for each in left if each not in found]:
        try:
            with transaction.atomic():
                lock_parties(account, (each.names.party for each in left))
                made: Found = {}
                while rest := [each for each in left if each not in made]:
                    made |= _independent(account, rest)
            found |= made
        except IntegrityError as error:
            if not is_used_id(error):
                raise
            # Another transaction has given the id to a debtor meanwhile, so it is known now.
    return found


def _existing(account: Account, wanted: Sequence[Wanted]) -> Found:
    """Return the debtors of those for which nothing is to be written: an identity has their party and contacts."""
    known = _with_external_ids(account, {each.external_id for each in wanted} - {""})
    plain = [each for each in wanted if not each.external_id]
    matches = zip(plain, find_all(account, plain), strict=True)
    exact = {each: match.debtor for each, match in matches if match.debtor and match.is_exact}
    if known:
        rows = DebtorIdentity.objects.filter(debtor__in={debtor.pk for debtor in known.values()}).order_by()
        identities = set(rows.values_list("debtor_id", "base", "form", "email", "phone"))
        for each in wanted:
            debtor = known.get(each.external_id)
            if debtor and (debtor.pk, *each.names.party, each.names.email, each.names.phone) in identities:
                exact[each] = debtor
    held = aliases.hold_all(exact.values())
    return {each: held[debtor.pk] for each, debtor in exact.items()}


def _independent(account: Account, wanted: Sequence[Wanted]) -> Found:
    """Find or create the debtors of those that share no party's name and no external id with one before them.

    The caller has locked the parties.
    """
    known = _with_external_ids(account, {each.external_id for each in wanted} - {""})
    matches = dict(zip(wanted, find_all(account, wanted), strict=True))
    held = aliases.hold_all(match.debtor for match in matches.values() if match.debtor)
    found: Found = {}
    batch, identities = Batch(), list[DebtorIdentity]()
    seen, created, identified = set[tuple[str, str]](), set[uuid.UUID](), set[uuid.UUID]()
    for each in wanted:
        (names, external_id), match = each, matches[each]
        keys = {("base", names.party.base), *([("external_id", external_id)] if external_id else [])}
        is_first = not keys & seen
        seen |= keys
        debtor = held[match.debtor.pk] if match.debtor else None
        if not is_first or (external_id and debtor and debtor.pk in identified):
            continue
        if external_id in known:
            try:
                found[each] = aliases.hold(_agreeing(known[external_id], external_id, names))
            except Refused as refused:
                found[each] = refused
            continue
        if debtor is None:
            debtor = new_debtor(account, names)
            batch.insert(debtor)
            created.add(debtor.pk)
        if external_id:
            batch.insert(DebtorExternalId(account=account, debtor=debtor, external_id=external_id))
            identified.add(debtor.pk)
        if not match.is_exact:
            identities.append(_identity(debtor, names.party, names.email, names.phone))
        found[each] = debtor
    batch.flush()
    DebtorIdentity.objects.bulk_create(identities, ignore_conflicts=True)
    if changed := identified - created:
        Debtor.objects.filter(pk__in=changed).update(updated_at=timezone.now())
    return found


def new_debtor(account: Account, names: Names) -> Debtor:
    """Return an unsaved debtor."""
    return Debtor(account=account, page_key=uuid.uuid4(), **names._asdict())


def add_external_id(debtor: Debtor, external_id: str) -> None:
    DebtorExternalId.objects.create(account_id=debtor.account_id, debtor=debtor, external_id=external_id)


def is_used_id(error: IntegrityError) -> bool:
    """Return True if an external id was added that a debtor has already."""
    return "a_debtors_external_id_is_unique" in str(error)


def add_identity(debtor: Debtor, party: Party, email: str, phone: str) -> None:
    """Store the party and contacts by which `get_or_create` finds the debtor."""
    DebtorIdentity.objects.bulk_create([_identity(debtor, party, email, phone)], ignore_conflicts=True)


def _identity(debtor: Debtor, party: Party, email: str, phone: str) -> DebtorIdentity:
    return DebtorIdentity(
        account_id=debtor.account_id, debtor=debtor, base=party.base, form=party.form, email=email, phone=phone
    )


def with_external_id(account: Account, external_id: str) -> Debtor | None:
    """Return the debtor with this id, or the one that replaced it."""
    return _with_external_ids(account, {external_id}).get(external_id)


def _with_external_ids(account: Account, external_ids: Collection[str]) -> dict[str, Debtor]:
    """Return the debtors with these ids, or those that replaced them, by id."""
    if not external_ids:
        return {}
    rows = DebtorExternalId.objects.for_account(account).filter(external_id__in=external_ids).select_related("debtor")
    return {row.external_id: _current(account, row.debtor) for row in rows}


def _current(account: Account, debtor: Debtor) -> Debtor:
    debtor.account = account
    return aliases.current(debtor)


def _agreeing(debtor: Debtor, external_id: str, names: Names) -> Debtor:
    """Return the debtor of a known external id. Raise `Refused` if nothing else agrees with it."""
    party = names.party
    exact = {"base": party.base, "form": party.form, "email": names.email, "phone": names.phone}
    if DebtorIdentity.objects.filter(debtor=debtor, **exact).exists():
        return debtor
    if not _agrees(debtor, names):
        message = _(
            "%(id)s is the id of %(debtor)s. Neither the name, an address nor the mail domain of %(names)s agrees with "
            "it: send the id of %(names)s, or none."
        )
        texts = {"id": external_id, "debtor": str(debtor), "names": str(names)}
        raise Refused("debtor_external_id", "debtor_mismatch", message % texts)
    add_identity(debtor, party, names.email, names.phone)
    return debtor


def _agrees(debtor: Debtor, names: Names) -> bool:
    """Return True if the debtor was known by this party, by one of the addresses, or by the mail domain."""
    party = names.party
    known = DebtorIdentity.objects.filter(debtor=debtor).alias(domain=_DOMAIN).order_by()
    shared = {"email": names.email, "phone": names.phone, "domain": contacts.own_domain_of(names.email)}
    if any(known.filter(**{name: value}).exists() for name, value in shared.items() if value):
        return True
    forms = known.filter(base=party.base).values_list("form", flat=True).distinct()
    account_forms = debtor_parties.known_forms(debtor.account, party.base)
    return any(parties.is_same(Party(party.base, form), party, account_forms) for form in forms)


_DOMAIN = Func(F("email"), Value("@"), Value(-1), function="split_part", output_field=CharField())


def find(account: Account, names: Names, *, lacks_external_id: bool = False) -> Debtor | None:
    """Return the matching debtor. With `lacks_external_id`, only those without one count, and several are no match."""
    rows = _matches(account, [names])[0]
    return _chosen(account, names, rows, _identified(rows) if lacks_external_id else None).debtor


def find_all(account: Account, wanted: Sequence[Wanted]) -> list[Match]:
    """Return the match of each. One with an external id matches only debtors without one, and only a single one."""
    if not wanted:
        return []
    rows = _matches(account, [each.names for each in wanted])
    concerned = [row for each, own in zip(wanted, rows, strict=True) for row in own if each.external_id]
    identified = _identified(concerned)
    return [
        _chosen(account, each.names, own, identified if each.external_id else None)
        for each, own in zip(wanted, rows, strict=True)
    ]


def _chosen(account: Account, names: Names, rows: Sequence[Row], identified: Collection[uuid.UUID] | None) -> Match:
    """Return the match among the identities that match the contacts: with several debtors that of the newest invoice.

    If debtors with an external id are excluded, `identified` are their ids, and several others are no match.
    """
    party = names.party
    if any(row.form != party.form for row in rows):
        forms = debtor_parties.known_forms(account, party.base)
        rows = [row for row in rows if parties.is_same(party, Party(party.base, row.form), forms)]
    found = {row.debtor.pk: row.debtor for row in rows if row.debtor.pk not in (identified or ())}
    if not found or (identified is not None and len(found) > 1):
        return Match(None)
    debtor = next(iter(found.values()))
    if len(found) > 1:
        newest = Invoice.objects.filter(debtor__in=found).order_by("-created_at", "-invoice_number")
        debtor = found[newest.values_list("debtor_id", flat=True).first() or debtor.pk]
    return Match(debtor, Row(debtor, party.form, names.email, names.phone) in rows)


def _identified(rows: Sequence[Row]) -> set[uuid.UUID]:
    """Return the ids of these identities' debtors that have an external id."""
    if not rows:
        return set()
    owners = {row.debtor.pk for row in rows}
    return set(DebtorExternalId.objects.filter(debtor__in=owners).values_list("debtor_id", flat=True))


def _matches(account: Account, names: Sequence[Names]) -> list[list[Row]]:
    """Return the identities with the same base name, in any legal form, that match the contacts of each of `names`."""
    values = {
        "account": account.pk,
        "bases": [each.party.base for each in names],
        "emails": [each.email for each in names],
        "domains": [contacts.own_domain_of(each.email) for each in names],
        "phones": [each.phone for each in names],
    }
    found: list[list[Row]] = [[] for _each in names]
    for place, form, email, phone, *row in select(_MATCHES, values):
        (debtor,) = objects(row, Debtor)
        found[place - 1].append(Row(_current(account, debtor), form, email, phone))
    return found


# Identities match by email; by mail domain, unless it is a public mail host; by phone, if one side has no email; or if
# neither side has any contact.
_MATCHES = f"""
SELECT place, identity.form, identity.email, identity.phone, {columns(Debtor)}
FROM unnest(%(bases)s::text[], %(emails)s::text[], %(domains)s::text[], %(phones)s::text[])
  WITH ORDINALITY AS wanted (base, email, domain, phone, place)
JOIN invoices_debtoridentity identity ON identity.account_id = %(account)s AND identity.base = wanted.base
JOIN invoices_debtor ON invoices_debtor.id = identity.debtor_id
WHERE CASE
  WHEN wanted.email <> '' THEN
    identity.email = wanted.email
    OR (wanted.domain <> '' AND split_part(identity.email, '@', -1) = wanted.domain)
    OR (wanted.phone <> '' AND identity.phone = wanted.phone AND NOT EXISTS (
      SELECT FROM invoices_debtoridentity other
      WHERE other.debtor_id = identity.debtor_id AND other.base = identity.base AND other.email <> ''
    ))
  WHEN wanted.phone <> '' THEN identity.phone = wanted.phone
  ELSE NOT EXISTS (
    SELECT FROM invoices_debtoridentity other
    WHERE other.debtor_id = identity.debtor_id AND other.base = identity.base
      AND (other.email <> '' OR other.phone <> '')
  )
END
ORDER BY place, identity.id
"""  # noqa: S608


def lock_party(account: Account, party: Party) -> None:
    """Lock the party's name until the transaction ends, so that only one transaction creates its debtor."""
    lock_parties(account, [party])


def lock_parties(account: Account, wanted: Iterable[Party]) -> None:
    """Lock the names of these parties, always in the same order, because another transaction may lock some of them."""
    names = sorted({f"debtor {account.pk} {party.base}" for party in wanted})
    select("SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) name", [names])
