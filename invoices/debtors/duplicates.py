"""Pairs of debtors that may be the same, for staff to merge or to keep apart.

A nightly task compares names and addresses within small groups only: those that share an address, the beginning of the
name, its consonants, or a person. Larger groups are left out, because such an address or name says nothing.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rapidfuzz import fuzz

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import english
from invoices.debtors import legal_forms, parties, skeletons
from invoices.debtors.parties import Party
from invoices.errors import NotFound, Refused
from invoices.models import Debtor, DebtorIdentity, DuplicateSearch, Likeness, PossibleDuplicate

# An address, a name or a person of more debtors than this says nothing.
_LARGEST_GROUP = 10
# Names with the same beginning are compared with this many that follow in the alphabet.
_NEIGHBOURS = 40
_BEGINNING = 4
_LEAST_RATIO = 90  # of 100
_LEAST_LETTERS, _LEAST_WEIGHT = 6, 5
_MOST_PAIRS = 20_000
# Names of a department instead of a person.
_DEPARTMENTS = frozenset(
    {"accounts", "account", "accounting", "accountspayable", "accountant", "finance", "billing", "payables", "admin"}
    | {"الحسابات", "المحاسبه", "الماليه", "info", "office", "purchasing", "procurement", "sales", "manager", "owner"}
)

Pair = tuple[uuid.UUID, uuid.UUID]


class _Named(NamedTuple):
    """A debtor with its names in comparable form."""

    id: uuid.UUID
    party: Party
    skeleton: str
    is_arabic: bool
    person: str
    has_company: bool


def listed(account: Account) -> QuerySet[PossibleDuplicate]:
    """Return the pairs of debtors that may be the same, without merged ones and those kept apart."""
    pairs: QuerySet[PossibleDuplicate] = PossibleDuplicate.objects.for_account(account)
    return current(pairs).filter(kept_apart_at=None)


def current(pairs: QuerySet[PossibleDuplicate]) -> QuerySet[PossibleDuplicate]:
    """Return the pairs of which neither debtor is merged."""
    return pairs.filter(one__merged_into=None, other__merged_into=None)


def keep_apart(account: Account, pair_id: int, actor: Actor) -> PossibleDuplicate:
    """Remember that two debtors are not the same."""
    with transaction.atomic():
        pair = _locked(account, pair_id)
        if pair.kept_apart_at is None:
            pair.kept_apart_at, pair.kept_apart_by = account.now(), actor.name
            pair.save(update_fields=["kept_apart_at", "kept_apart_by"])
            audit.record(account, actor.name, "debtor.kept_apart", english(pair)[:120])
    return pair


def list_again(account: Account, pair_id: int, actor: Actor) -> PossibleDuplicate:
    """Forget that two debtors are not the same."""
    with transaction.atomic():
        pair = _locked(account, pair_id)
        if pair.kept_apart_at is None:
            raise Refused("pair", "not_kept_apart", _("These debtors are not kept apart."))
        pair.kept_apart_at, pair.kept_apart_by = None, ""
        pair.save(update_fields=["kept_apart_at", "kept_apart_by"])
        audit.record(account, actor.name, "debtor.listed_again", english(pair)[:120])
    return pair


def _locked(account: Account, pair_id: int) -> PossibleDuplicate:
    rows = PossibleDuplicate.objects.for_account(account).select_related("one", "other")
    pair: PossibleDuplicate | None = rows.select_for_update(of=("self",)).filter(pk=pair_id).first()
    if pair is None:
        raise NotFound
    return pair


# --- The search --------------------------------------------------------------------------------------------------


def find_all() -> int:
    """Find the possible duplicates of all accounts. Return the number of pairs."""
    return sum(find(account) for account in Account.objects.order_by("pk"))


def find(account: Account) -> int:
    """Find the account's possible duplicates, replace the stored ones, and return their number."""
    found: dict[Pair, set[str]] = defaultdict(set)
    shared: dict[Pair, str] = {}
    for pair, address in _by_address(account):
        found[pair].add(Likeness.ADDRESS)
        shared.setdefault(pair, address)
    named = [_named(*row) for row in _debtors(account).values_list("pk", "name", "company").iterator(2_000)]
    for likeness, pairs in (
        (Likeness.NAME, _by_name(named)),
        (Likeness.SCRIPT, _by_script(named)),
        (Likeness.COMPANY, _by_person(named)),
    ):
        for pair in pairs:
            found[pair].add(likeness)
    best = sorted(found, key=lambda pair: (-len(found[pair]), Likeness.ADDRESS not in found[pair], pair))[:_MOST_PAIRS]
    rows = [
        PossibleDuplicate(
            account=account,
            one_id=one,
            other_id=other,
            reasons=sorted(found[one, other]),
            shared=shared.get((one, other), ""),
        )
        for one, other in best
    ]
    with transaction.atomic():
        DuplicateSearch.objects.get_or_create(account=account)
        search = DuplicateSearch.objects.select_for_update(no_key=True).get(account=account)
        search.finished_at, search.pairs = timezone.now(), len(rows)
        search.save(update_fields=["finished_at", "pairs"])
        PossibleDuplicate.objects.bulk_create(
            rows,
            batch_size=1_000,
            update_conflicts=True,
            unique_fields=["one", "other"],
            update_fields=["reasons", "shared"],
        )
        stored = PossibleDuplicate.objects.for_account(account).filter(kept_apart_at=None)
        known = set(best)
        old = [pk for pk, *pair in stored.values_list("pk", "one", "other").iterator(2_000) if tuple(pair) not in known]
        PossibleDuplicate.objects.filter(pk__in=old).delete()
    return len(rows)


def _debtors(account: Account) -> QuerySet[Debtor]:
    rows: QuerySet[Debtor] = Debtor.objects.for_account(account).filter(merged_into=None)
    return rows


def _by_address(account: Account) -> Iterator[tuple[Pair, str]]:
    for kind in ("email", "phone"):
        rows = DebtorIdentity.objects.for_account(account).exclude(**{kind: ""}).filter(debtor__merged_into=None)
        groups: dict[str, set[uuid.UUID]] = defaultdict(set)
        for address, debtor in rows.order_by().values_list(kind, "debtor").distinct().iterator(2_000):
            groups[address].add(debtor)
        for address, ids in groups.items():
            if len(ids) <= _LARGEST_GROUP:
                for pair in combinations(sorted(ids), 2):
                    yield pair, address


def _named(pk: uuid.UUID, name: str, company: str) -> _Named:
    skeleton, is_arabic = skeletons.of(company or name)
    return _Named(pk, parties.of(name, company), skeleton, is_arabic, parties.of(name, "").base, bool(company.strip()))


def _by_name(named: Iterable[_Named]) -> Iterator[Pair]:
    """Yield the pairs with the same or nearly the same name, in legal forms that do not exclude each other."""
    named = list(named)
    for group in _groups(named, lambda each: each.party.base):
        yield from (_pair(one, other) for one, other in combinations(group, 2) if _may_be_one(one, other))
    long = [each for each in named if len(each.party.base) >= _LEAST_LETTERS]
    for block in _blocks(long, lambda each: each.party.base[:_BEGINNING]):
        yield from _alike(block)
    for block in _blocks(long, lambda each: (each.skeleton, each.is_arabic)):
        yield from _alike(block, least=_LEAST_RATIO - 15)


def _alike(block: list[_Named], least: int = _LEAST_RATIO) -> Iterator[Pair]:
    block.sort(key=lambda each: (each.party.base, each.id))
    for at, one in enumerate(block):
        base, digits = one.party.base, _digits(one.party.base)
        for other in block[at + 1 : at + 1 + _NEIGHBOURS]:
            is_comparable = other.party.base != base and _digits(other.party.base) == digits
            if is_comparable and _may_be_one(one, other) and fuzz.ratio(base, other.party.base) >= least:
                yield _pair(one, other)


def _by_script(named: Iterable[_Named]) -> Iterator[Pair]:
    """Yield the pairs with the same consonants, one in Arabic and one in Latin letters."""
    enough = (each for each in named if skeletons.weight(each.skeleton) >= _LEAST_WEIGHT)
    for group in _groups(enough, lambda each: each.skeleton):
        for one, other in combinations(group, 2):
            if one.is_arabic != other.is_arabic and _may_be_one(one, other):
                yield _pair(one, other)


def _by_person(named: Iterable[_Named]) -> Iterator[Pair]:
    """Yield the pairs of a person without a company and the same person with one."""
    people = (each for each in named if each.person not in _DEPARTMENTS)
    for group in _groups(people, lambda each: each.person):
        for one, other in combinations(group, 2):
            if one.has_company != other.has_company:
                yield _pair(one, other)


def _groups(named: Iterable[_Named], key: Callable[[_Named], Hashable]) -> list[list[_Named]]:
    return [block for block in _blocks(named, key) if len(block) <= _LARGEST_GROUP]


def _blocks(named: Iterable[_Named], key: Callable[[_Named], Hashable]) -> list[list[_Named]]:
    blocks: dict[Hashable, list[_Named]] = defaultdict(list)
    for each in named:
        blocks[key(each)].append(each)
    return [block for block in blocks.values() if len(block) > 1]


def _may_be_one(one: _Named, other: _Named) -> bool:
    forms = {one.party.form, other.party.form} - {"", legal_forms.COMPANY}
    return len(forms) < 2


def _digits(base: str) -> str:
    return "".join(letter for letter in base if letter.isdecimal())


def _pair(one: _Named, other: _Named) -> Pair:
    first, second = sorted((one.id, other.id))
    return first, second
