"""Finding the debtor of an invoice, or creating it."""

import uuid
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import compiled
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


def get_or_create(
    account: Account, *, name: str, company: str, email: str, phone: str, external_id: str = ""
) -> Debtor:
    """Return the debtor of an invoice: one of the same party that shares a contact (see `_matches`), or a new one.

    A shared mailbox or phone alone never joins two parties. Parallel calls for one party return the same debtor.

    A known external id decides. Raise `Refused` if neither party, address nor mail domain agrees with its debtor. An
    unknown id is given to the one match that has none, or else to a new debtor.
    """
    names, external_id = Names(name, company, normalise_email(email), phone), canonical(external_id)
    if external_id:
        if known := with_external_id(account, external_id):
            return aliases.hold(_agreeing(known, external_id, names))
    else:
        found, is_exact = find(account, names)
        if found and is_exact:
            return aliases.hold(found)
    try:
        with transaction.atomic():
            lock_party(account, names.party)
            found, is_exact = find(account, names, lacks_external_id=bool(external_id))
            debtor = aliases.hold(found) if found else create(account, names)
            if external_id:
                add_external_id(debtor, external_id)
            if external_id and found:
                Debtor.objects.filter(pk=found.pk).update(updated_at=timezone.now())
            if not is_exact:
                add_identity(debtor, names.party, names.email, phone)
    except IntegrityError as error:
        if not is_used_id(error):
            raise
        # Another transaction has given it to a debtor meanwhile.
        return aliases.hold(_agreeing(with_external_id(account, external_id), external_id, names))
    return debtor


def create(account: Account, names: Names) -> Debtor:
    debtor = Debtor(account=account, page_key=uuid.uuid4(), **names._asdict())
    debtor.save(force_insert=True)
    return debtor


def add_external_id(debtor: Debtor, external_id: str) -> None:
    DebtorExternalId.objects.create(account_id=debtor.account_id, debtor=debtor, external_id=external_id)


def is_used_id(error: IntegrityError) -> bool:
    """Return True if an external id was added that a debtor has already."""
    return "a_debtors_external_id_is_unique" in str(error)


def add_identity(debtor: Debtor, party: Party, email: str, phone: str) -> None:
    """Store the party and contacts by which `get_or_create` finds the debtor."""
    identity = DebtorIdentity(
        account_id=debtor.account_id, debtor=debtor, base=party.base, form=party.form, email=email, phone=phone
    )
    DebtorIdentity.objects.bulk_create([identity], ignore_conflicts=True)


def with_external_id(account: Account, external_id: str) -> Debtor | None:
    """Return the debtor with this id, or the one that replaced it."""
    rows = DebtorExternalId.objects.for_account(account).filter(external_id=external_id).select_related("debtor")
    row = rows.first()
    return _current(account, row.debtor) if row else None


def _current(account: Account, debtor: Debtor) -> Debtor:
    debtor.account = account
    return aliases.current(debtor)


def _agreeing(debtor: Debtor | None, external_id: str, names: Names) -> Debtor:
    """Return the debtor of a known external id. Raise `Refused` if nothing else agrees with it."""
    assert debtor is not None
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
    with transaction.atomic():
        lock_party(debtor.account, party)
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


def find(account: Account, names: Names, *, lacks_external_id: bool = False) -> tuple[Debtor | None, bool]:
    """Return the debtor, and True if it has an identity with exactly this party and these contacts.

    With `lacks_external_id`, only debtors without one count, and several are no match.
    """
    party, email, phone = names.party, names.email, names.phone
    domain = contacts.own_domain_of(email)
    rows = _matches(
        account=account.pk, base=party.base, email=email or None, domain=domain or None, phone=phone or None
    )
    if any(row["form"] != party.form for row in rows):
        forms = debtor_parties.known_forms(account, party.base)
        rows = [row for row in rows if parties.is_same(party, Party(party.base, row["form"]), forms)]
    owners = {row["debtor_id"]: _current(account, _debtor_of(row)) for row in rows}
    found = {debtor.pk: debtor for debtor in owners.values()}
    if lacks_external_id:
        for debtor_id in DebtorExternalId.objects.filter(debtor__in=found).values_list("debtor_id", flat=True):
            found.pop(debtor_id, None)
        if len(found) > 1:
            return None, False
    if not found:
        return None, False
    debtor = next(iter(found.values()))
    if len(found) > 1:
        newest = Invoice.objects.filter(debtor__in=found).order_by("-created_at", "-invoice_number")
        debtor = found[newest.values_list("debtor_id", flat=True).first() or debtor.pk]
    exact = (debtor, party.form, email, phone)
    return debtor, any((owners[row["debtor_id"]], row["form"], row["email"], row["phone"]) == exact for row in rows)


def _debtor_of(row: dict[str, Any]) -> Debtor:
    return Debtor.from_db(connection.alias, _DEBTOR, [row[f"debtor__{name}"] for name in _DEBTOR])


_DEBTOR = [field.attname for field in Debtor._meta.concrete_fields]
_DOMAIN = Func(F("email"), Value("@"), Value(-1), function="split_part", output_field=CharField())


@compiled
def _matches(
    *, account: uuid.UUID, base: str, email: str | None, domain: str | None, phone: str | None
) -> QuerySet[Any, dict[str, Any]]:
    """Return the identities with this base name, in any legal form, that match the contacts.

    Identities match by email; by mail domain, unless it is a public mail host; by phone, if one side has no email; or
    if neither side has any contact.
    """
    theirs = DebtorIdentity.objects.filter(debtor=OuterRef("debtor"), base=base)
    if email:
        matching = Q(email=email)
        if domain:
            matching |= Q(domain=domain)
        if phone:
            matching |= Q(~Exists(theirs.exclude(email="")), phone=phone)
    elif phone:
        matching = Q(phone=phone)
    else:
        matching = ~Q(Exists(theirs.exclude(email="", phone="")))
    identities = DebtorIdentity.objects.alias(domain=_DOMAIN).filter(matching, account=account, base=base)
    whole = (f"debtor__{name}" for name in _DEBTOR)
    rows: QuerySet[Any, Any] = identities.order_by("id").values("debtor_id", "form", "email", "phone", *whole)
    return rows


def lock_party(account: Account, party: Party) -> None:
    """Lock the party's name until the transaction ends, so that only one transaction creates its debtor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"debtor {account.pk} {party.base}"])
