"""Update and compile the catalogue of translations. Needs polib.

    manage.py messages            add new messages, drop unused ones, compile, list those without Arabic

It does not use GNU gettext, so that everybody has the same tool: Python is parsed as a syntax tree, templates as Django
does.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.template import templatize

from inflow import labels
from inflow.dashboard.core.forms import PageForm

PACKAGES = ("inflow", "invoices", "communications", "webhooks")
# Messages on the libraries' pages that their own catalogues lack; they are not in our sources.
BORROWED = "borrowed"
_SINGULAR = {"_", "_lazy", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_IN_TEMPLATE = re.compile(
    r"""(?<![\w.])(n?gettext|n?pgettext|_)\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""(?:,\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""",
    re.DOTALL,
)
Message = tuple[str, str]  # with its plural, or an empty string


def catalogue(language: str = "ar") -> Path:
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


def wanted() -> dict[Message, str]:
    """Return each message of ours with the file that uses it first."""
    found: dict[Message, str] = {}
    base = Path(settings.BASE_DIR)
    sources = sorted(
        path for package in PACKAGES for path in (base / package).rglob("*.py") if "migrations" not in path.parts
    )
    for path in sources:
        for message in _of_python(path.read_text(encoding="utf-8")):
            found.setdefault(message, str(path.relative_to(base)))
    for path in sorted((base / "templates").rglob("*.html")):
        for message in _of_template(path.read_text(encoding="utf-8")):
            found.setdefault(message, str(path.relative_to(base)))
    for name in labels.messages(PageForm):
        found.setdefault((name, ""), "names")
    return found


def _of_python(source: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if name in _SINGULAR and len(node.args) == len(texts) == 1 and texts[0].strip():
            yield texts[0], ""
        elif name in _PLURAL and len(texts) >= 2:
            yield texts[0], texts[1]


def _of_template(source: str) -> Iterator[Message]:
    for _name, first, second in _IN_TEMPLATE.findall(templatize(source)):
        yield ast.literal_eval(first), ast.literal_eval(second) if second and _name.startswith("n") else ""


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        import polib  # in the development requirements

        path = catalogue()
        po = polib.pofile(str(path), wrapwidth=110)
        known = {(entry.msgid, entry.msgid_plural): entry for entry in po}
        ours = wanted()
        for message, place in ours.items():
            if message not in known:
                singular, plural = message
                entry = polib.POEntry(msgid=singular, msgid_plural=plural, occurrences=[(place, "")])
                if plural:
                    entry.msgstr_plural = dict.fromkeys(range(6), "")
                if re.search(r"%\(\w+\)", singular):
                    entry.flags = ["python-format"]
                po.append(entry)
            elif not _is_borrowed(known[message]):
                known[message].occurrences = [(place, "")]
        gone = [entry for key, entry in known.items() if key not in ours and not _is_borrowed(entry)]
        for entry in gone:
            po.remove(entry)
        po.sort(key=lambda entry: (entry.occurrences[0][0] if entry.occurrences else "", entry.msgid))
        po.save()
        po.save_as_mofile(str(path.with_suffix(".mo")))
        lacking = [entry for entry in po if not entry.translated()]
        for entry in lacking:
            self.stdout.write(f"{entry.occurrences[0][0]}: {entry.msgid}")
        self.stdout.write(f"{len(po)} messages, {len(gone)} dropped, {len(lacking)} without Arabic.")


def _is_borrowed(entry: Any) -> bool:
    return any(place == BORROWED for place, _line in entry.occurrences)
