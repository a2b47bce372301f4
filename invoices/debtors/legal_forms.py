"""Legal forms of companies and their spellings.

Different forms are different parties, even if one is a translation of the other: an LLC in Dubai and a W.L.L. in
Bahrain are two companies. ذ.م.م is read as LLC.

`legal_forms.toml` lists the forms, their spellings and their abbreviations.
"""

import tomllib
from pathlib import Path

# Forms that may also come before the name.
BEFORE = frozenset({"est", "ооо", "оао", "пао", "зао", "株式会社", "合同会社"})
# The form of "Gulf Trading Co.". It is ignored beside another form ("Gulf Trading Co. LLC") and equal to no form, but
# differs from an establishment, which belongs to one person.
COMPANY = "company"
OF_ONE_PERSON = frozenset({"est", "soleproprietorship"})
# Words that are not part of the name.
GENERIC_AFTER = ("co", "company", "شركة")
GENERIC_BEFORE = ("شركة", "السادة", "messrs", "the")

_TABLE = tomllib.loads(Path(__file__).with_name("legal_forms.toml").read_text(encoding="utf-8"))
# Forms by spelling, and by abbreviations that are recognised only with separated letters.
WHOLE: dict[str, str] = {form: form for form in _TABLE["simple"].split()} | {
    spelling: form for form, spellings in _TABLE["forms"].items() for spelling in (form, *spellings.split())
}
LETTERS: dict[str, str] = _TABLE["letters"]
