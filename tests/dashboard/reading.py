"""What a person reads on a page of the dashboard, and which of its words are not in their language."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from invoices.money import EXPONENTS

# Names, and what is called so in Arabic too.
_NAMES = (
    "InFlow API URL HTTP HTTPS HTML JSON POST CSV XLSX PDF PNG JPEG IBAN SMS WhatsApp Zapier Twilio ERP ISO IANA ASCII "
    "UTC SID MG HX AD AE SH curl Standard Webhooks YYYY MM DD Asia Dubai TOTP Excel Windows Zap REST hook hookUrl "
    "Idempotency Key esc Stripe UBL PINT ZATCA XML ZIP SHA openssl"
)
KNOWN = {*_NAMES.split(), *EXPONENTS}
# Data: what a person or a machine called so. A page isolates it where its direction may differ from the text's.
DATA = {"bdi", "code", "pre", "textarea", "script", "style", "template"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_READ = ("placeholder", "title", "aria-label", "alt")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|/\S+|\{\{?.*?\}\}?|\{%.*?%\}|\b[\w-]+(?:[./:][\w-]+)+|[\w-]*[\d_][\w-]*")
_WORD = re.compile(r"[A-Za-z]{2,}(?:['’][a-z]+)?")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[tuple[str, bool]] = []
        self.option: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = self._within_data()
        if not is_data:
            self.found += [value for name in _READ if (value := given.get(name))]
            if tag == "input" and given.get("type") in ("submit", "button"):
                self.found.append(given.get("value") or "")
        if tag in _VOID:
            return
        classes = (given.get("class") or "").split()
        is_icon, is_quoted = "material-symbols-outlined" in classes, "mail-text" in classes
        # A language is offered by its own name.
        is_named_for_itself = given.get("lang") is not None and tag != "html"
        self.open.append((tag, is_data or is_icon or is_quoted or is_named_for_itself or tag in DATA))
        self.option = given.get("value") if tag == "option" else None

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass
        self.option = None

    def handle_data(self, data: str) -> None:
        if not self._within_data() and data.strip() and data.strip() != self.option:
            self.found.append(data)

    def _within_data(self) -> bool:
        return bool(self.open) and self.open[-1][1]


def texts(html: str) -> list[str]:
    """What is read on the page, its data aside: texts, tool tips, placeholders, the names of buttons."""
    reader = _Reader()
    reader.feed(html)
    return [" ".join(text.split()) for text in reader.found]


def latin(html: str, *names: str) -> Iterator[str]:
    """The texts that hold a Latin word which is no known name. `names`: more of them, of this world."""
    known = KNOWN.union(*(set(_WORD.findall(name)) for name in names))
    for text in texts(html):
        if any(word not in known for word in _WORD.findall(_ADDRESS.sub(" ", text))):
            yield text
