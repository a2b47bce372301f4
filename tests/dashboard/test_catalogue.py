"""The Arabic catalogue: whole, compiled, and true to what it translates."""

import re
from collections import Counter

import polib
import pytest

from inflow.dashboard.management.commands.messages import catalogue, wanted

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|(?<!%)%[sd]|\{\w*\}|\{\{\w+\}\}|</?[a-z][^>]*>")
# One and two are said by the noun alone.
WITHOUT_NUMBER = (0, 1, 2)


@pytest.fixture(scope="module")
def po() -> polib.POFile:
    return polib.pofile(str(catalogue()))


def test_each_text_of_ours_is_in_the_catalogue_and_nothing_else_is(po: polib.POFile) -> None:
    """`make messages` brings them in, and out."""
    known = {(entry.msgid, entry.msgid_plural) for entry in po}
    borrowed = {(entry.msgid, entry.msgid_plural) for entry in po if ("borrowed", "") in entry.occurrences}
    ours = set(wanted())
    assert ours - known == set(), "run `make messages`"
    assert known - borrowed - ours == set(), "run `make messages`"


def test_nothing_is_empty_fuzzy_or_said_twice(po: polib.POFile) -> None:
    unfinished = [entry.msgid for entry in po if not entry.translated() or entry.fuzzy or entry.obsolete]
    assert unfinished == [], "translate these in locale/ar/LC_MESSAGES/django.po, then run `make messages`"
    assert [msgid for msgid, count in Counter(entry.msgid for entry in po).items() if count > 1] == []


def test_no_placeholder_or_tag_is_lost_or_made_up(po: polib.POFile) -> None:
    for entry in po:
        wanted = _placeholders(entry.msgid_plural or entry.msgid)
        if not entry.msgid_plural:
            assert _placeholders(entry.msgstr) == wanted, entry.msgid
        for form, text in entry.msgstr_plural.items():
            said = _placeholders(text)
            assert said <= wanted if form in WITHOUT_NUMBER else said == wanted, (entry.msgid, form)


def test_a_plural_has_the_six_forms_of_arabic(po: polib.POFile) -> None:
    assert po.metadata["Plural-Forms"].startswith("nplurals=6;")
    assert [entry.msgid for entry in po if entry.msgid_plural and sorted(entry.msgstr_plural) != list(range(6))] == []


def test_the_digits_are_latin(po: polib.POFile) -> None:
    assert [entry.msgid for entry in po if re.search("[٠-٩۰-۹]", f"{entry.msgstr}{entry.msgstr_plural}")] == []


def test_what_is_loaded_is_the_compiled_catalogue(po: polib.POFile) -> None:
    is_current = catalogue().with_suffix(".mo").read_bytes() == po.to_binary()
    assert is_current, "run `make messages`"


def _placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))
