"""The parts of an inbound mail, however it is malformed: an unknown charset, a broken header, a file that is no file.

Python's parser reads headers when they are used, and raises then. A mail is never lost for that: what can't be parsed
is taken as it stands.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,190}")
_CHARSETS = ("utf-8", "windows-1252")
# Headers that a mail may have once only.
_ONCE = frozenset(
    ("from", "to", "cc", "bcc", "subject", "sender", "reply-to", "date", "message-id", "in-reply-to", "references")
)
# Python's parser of addresses takes quadratic time: a longer header is read as it stands, and no further.
MAX_HEADER = 2_000
# Python's parser of mails passes each line through all parts that it stands in, and takes quadratic time for the
# parameters of a header.
_MAX_LEVELS, _MAX_PARTS, _MAX_PARAMETERS = 50, 500, 100
_LINE_END = re.compile(rb"(?:\r\n|%0D%0A|%0A|\\r\\n|\\n)", re.IGNORECASE)
_PART_HEADER = re.compile(rb"^content-[a-z-]{1,30}(?::|%3A)[^\n]*(?:\n[ \t+%][^\n]*)*", re.IGNORECASE | re.MULTILINE)
# A string of JSON that is long enough for a bomb, and what stands between the letters in it.
_BASE64 = re.compile(rb'"((?:[A-Za-z0-9+/=\s]|\\[nr/t]){400,}+)"')
_NO_BASE64 = re.compile(rb"\\[nrt]|[\\=\s]")
_BODIES = ("TextBody", "HtmlBody", "StrippedTextReply", "RawEmail")
_FILE = {"ContentType": "application/octet-stream", "Content": "AA=="}


def header(mail: Any, name: str) -> str:
    """Return a header on one line, or an empty string."""
    said = " ".join(raw_values(mail, name))
    if len(said) > MAX_HEADER:
        return " ".join(said[:MAX_HEADER].split())
    try:
        value = str(mail.get(name) or "")
    except Exception:
        value = said
    return " ".join(value.split())


def raw_values(mail: Any, name: str) -> list[str]:
    """Return the values of a header as they came in."""
    return [str(value) for each, value in mail.raw_items() if each.lower() == name.lower()]


def writer(mail: Any) -> str:
    """Return the first address in From, or an empty string."""
    said = " ".join(raw_values(mail, "From"))
    try:
        sender = mail.from_email if len(said) <= MAX_HEADER else None
        address = getattr(sender[0] if isinstance(sender, list) else sender, "addr_spec", "") or ""
    except Exception:
        address = ""
    if address:
        return str(address)
    found = _ADDRESS.search(said[:MAX_HEADER])
    return found[0] if found else ""


def body(mail: Any) -> str:
    """Return the text, or else the HTML, with the number of the attached files."""
    text = _content(mail, "text/plain") or mail.stripped_text or ""
    if not text.strip():
        text = _content(mail, "text/html")
    if attached := sum(_is_attached(part) for part in mail.walk()):  # a receipt, often; it stays with the provider
        text = f"{text}\n[{attached} attached]".lstrip()
    return str(text)


def _content(mail: Any, content_type: str) -> str:
    for part in mail.walk():
        if part.get_content_type() == content_type and not _is_attached(part):
            return re.sub(r"\r\n?", "\n", _decoded(part))
    return ""


def _decoded(part: Any) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(payload or "")
    try:
        return payload.decode(part.get_content_charset("us-ascii"), errors="replace")
    except (LookupError, ValueError):  # no charset, or one that nobody knows
        pass
    for charset in _CHARSETS:
        try:
            return payload.decode(charset)
        except UnicodeDecodeError:
            continue
    return payload.decode(errors="replace")


def _is_attached(part: Any) -> bool:
    try:
        return bool(part.is_attachment())
    except Exception:
        return any(value.strip().lower().startswith("attachment") for value in raw_values(part, "Content-Disposition"))


# --- A mail as it was sent ---------------------------------------------------------------------------------------


def is_bomb(told: bytes) -> bool:
    """Tell whether a call holds a mail, as text, in a form or in JSON, that Python's parser takes long for. Some
    providers put it, or a mail that is attached to it, in base64 into their JSON."""
    return _is_bomb(told) or any(_is_bomb(mail) for mail in _in_base64(told))


def _in_base64(told: bytes) -> Iterator[bytes]:
    """Yield the strings of base64 in JSON, decoded: at most three quarters of the call."""
    for found in _BASE64.finditer(told):
        text = _NO_BASE64.sub(b"", found[1])
        yield base64.b64decode(text[: len(text) // 4 * 4])


def _is_bomb(told: bytes) -> bool:
    lower = told.lower()
    if lower.count(b"multipart") > _MAX_LEVELS or lower.count(b"content-type") > _MAX_PARTS:
        return True
    headers = _PART_HEADER.finditer(_LINE_END.sub(b"\n", lower))
    return any(found[0].count(b";") + found[0].count(b"%3b") > _MAX_PARAMETERS for found in headers)


# --- A mail in JSON --------------------------------------------------------------------------------------------------


def has_long_header(told: bytes) -> bool:
    """Tell whether a provider's JSON has a header that Python's parser takes long for, outside of texts and files."""
    try:
        mail = json.loads(told, strict=False)
    except ValueError:
        return False
    return (
        _is_long({name: value for name, value in mail.items() if name not in _BODIES})
        if isinstance(mail, dict)
        else False
    )


def _is_long(node: Any) -> bool:
    if isinstance(node, str):
        return len(node) > MAX_HEADER
    if isinstance(node, list):
        return any(map(_is_long, node))
    return isinstance(node, dict) and any(_is_long(value) for name, value in node.items() if name != "Content")


def mended(told: bytes) -> bytes:
    """Return a provider's JSON with headers that a mail can have, and without the content of files."""
    return json.dumps(_mended(json.loads(told, strict=False))).encode("utf-8")


def _mended(node: Any) -> Any:
    if isinstance(node, str):
        # JSON can hold half an emoji, and UTF-8 can't.
        return node.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "ContentType" in node:
        return {"Name": _one_line(node.get("Name")), **_FILE, "ContentID": _one_line(node.get("ContentID")) or None}
    told = {str(name): _mended(value) for name, value in node.items()}
    for name in ("Name", "Email", "Subject", "Date", "ReplyTo"):
        if name in told and not isinstance(told[name], dict | list):
            told[name] = _one_line(told[name])
    if "Headers" in told:
        told["Headers"] = _mended_headers(told["Headers"])
    for name in ("FromFull", "ToFull", "CcFull", "BccFull"):
        if name in told:
            told[name] = _mended_addresses(told[name])
    return told


def _mended_headers(headers: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    taken = {"from", "to", "cc", "bcc", "subject"}  # these the provider names apart
    for each in headers if isinstance(headers, list) else ():
        name = _one_line(each.get("Name")) if isinstance(each, dict) else ""
        if not re.fullmatch(r"[\w-]{1,100}", name, re.ASCII) or name.lower() in taken:
            continue
        if name.lower() in _ONCE:
            taken.add(name.lower())
        found.append({"Name": name, "Value": _one_line(each.get("Value"))})
    return found


def _mended_addresses(told: Any) -> Any:
    if isinstance(told, list):
        return [each for each in map(_mended_addresses, told) if each]
    if not isinstance(told, dict):
        return None
    found = _ADDRESS.fullmatch(str(told.get("Email") or ""))
    return {"Email": found[0], "Name": ""} if found else None


def _one_line(value: Any) -> str:
    return " ".join(str(value or "")[:MAX_HEADER].split()).replace("\x00", "")
