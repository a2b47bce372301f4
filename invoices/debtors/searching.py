"""Search for debtors by the beginnings of words, with the index `debtor_by_words`.

The account is one of the words, so that debtors of other accounts with the same words are not read. It begins with a
sign that no other word has.
"""

import re
import uuid

from django.db.models import BooleanField, Func, Q, Value

from inflow.canonical import canonical
from invoices.debtors.contacts import normalise_email
from invoices.models import DebtorExternalId, DebtorIdentity
from invoices.models.searching import FOLDED, IGNORED, SEPARATORS, WORDS

_FOLD = str.maketrans(*FOLDED, IGNORED)
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]+")
# The fewest digits that are searched at the end of phone numbers.
_LEAST_DIGITS = 4
_MOST_IDS = 1_000


def matching(account_id: uuid.UUID | None, text: str) -> Q:
    """Return a condition for the debtors that the text finds, in all accounts if `account_id` is None.

    Each word of the text begins a word of the debtor, or the phone number ends with the text, or the text is an email
    or external id of the debtor.
    """
    ids = DebtorExternalId.objects.filter(external_id=canonical(text))
    addresses = DebtorIdentity.objects.filter(email=normalise_email(text))
    if account_id:
        ids, addresses = ids.filter(account=account_id), addresses.filter(account=account_id)
    # As a list: PostgreSQL does not combine an index with a subquery.
    known = {row for rows in (ids, addresses) for row in rows.values_list("debtor_id", flat=True)[:_MOST_IDS]}
    found = Q(pk__in=known)
    if query := _query(text):
        query = f"'@{account_id}' & ({query})" if account_id else query
        found |= Q(
            Func(WORDS, Value(query), template="%(expressions)s::tsquery", arg_joiner=" @@ ", output_field=_FLAG)
        )
    return found


_FLAG = BooleanField()


def _query(text: str) -> str:
    """Return the text as a tsquery. Words contain no characters that need quotes."""
    text = text.lower().translate(_FOLD)
    words = [word for word in re.split(SEPARATORS, text) if word]
    query = " & ".join(f"({' | '.join(map(_beginning, _spellings(word)))})" for word in words)
    if not _PHONE.fullmatch(text):
        return query
    digits = "".join(words)
    endings = {digits, digits.lstrip("0")}  # a number is written with 0 or 00 before it, too
    ends = [_beginning(f"#{each[::-1]}") for each in sorted(endings) if len(each) >= _LEAST_DIGITS]
    return " | ".join([query and f"({query})", *ends])


def _spellings(word: str) -> list[str]:
    """Return the word, and an Arabic word with the article too."""
    return [word, f"ال{word}"] if "\u0621" <= word[0] <= "\u064a" else [word]


def _beginning(word: str) -> str:
    return f"'{word}':*"
