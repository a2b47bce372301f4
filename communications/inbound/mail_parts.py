"""Parts of inbound mail, with tolerance for unknown charsets, broken headers and invalid attachments.

Python's parser parses headers on access and may raise then. Unparsable parts are used in their raw form, so that no
mail is lost.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,190}")
_CHARSETS = ("utf-8", "windows-1252")
# Headers that a mail may contain only once.
_ONCE = frozenset(
    ("from", "to", "cc", "bcc", "subject", "sender", "reply-to", "date", "message-id", "in-reply-to", "references")
)
# Python's address parser takes quadratic time. Longer headers are truncated and not parsed.
MAX_HEADER = 2_000
# Python's mail parser passes each line through all enclosing parts, and takes quadratic time for the parameters of a
# header.
_MAX_LEVELS, _MAX_PARTS, _MAX_PARAMETERS = 50, 500, 100
_LINE_END = re.compile(rb"(?:\r\n|%0D%0A|%0A|\\r\\n|\\n)", re.IGNORECASE)
_PART_HEADER = re.compile(rb"^content-[a-z-]{1,30}(?::|%3A)[^\n]*(?:\n[ \t+%][^\n]*)*", re.IGNORECASE | re.MULTILINE)
# A JSON string that is long enough for a mail bomb, and the characters to remove from it.
_BASE64 = re.compile(rb'"((?:[A-Za-z0-9+/=\s]|\\[nr/t]){400,}+)"')
_NO_BASE64 = re.compile(rb"\\[nrt]|[\\=\s]")
_BODIES = ("TextBody", "HtmlBody", "StrippedTextReply", "RawEmail", "Content")
_FILE = {"ContentType": "application/octet-stream", "Content": "AA=="}


def header(mail: Any, name: str) -> str:
    """Return a header on one line, or an empty string."""
    raw = " ".join(raw_values(mail, name))
    if len(raw) > MAX_HEADER:
        return " ".join(raw[:MAX_HEADER].split())
    try:
        value = str(mail.get(name) or "")
    except Exception:
        value = raw
    return " ".join(value.split())


def raw_values(mail: Any, name: str) -> list[str]:
    """Return the raw values of a header."""
    return [str(value) for each, value in mail.raw_items() if each.lower() == name.lower()]


def sender_of(mail: Any) -> str:
    """Return the first address in From, or an empty string."""
    value = " ".join(raw_values(mail, "From"))
    try:
        sender = mail.from_email if len(value) <= MAX_HEADER else None
        address = getattr(sender[0] if isinstance(sender, list) else sender, "addr_spec", "") or ""
    except Exception:
        address = ""
    if address:
        return str(address)
    found = _ADDRESS.search(value[:MAX_HEADER])
    return found[0] if found else ""


def body(mail: Any) -> str:
    """Return the text, or else the HTML, followed by the number of attachments."""
    text = _content(mail, "text/plain") or mail.stripped_text or ""
    if not text.strip():
        text = _content(mail, "text/html")
    if attached := sum(_is_attached(part) for part in mail.walk()):  # often a receipt; it remains at the provider
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
    except (LookupError, ValueError):  # no charset, or an unknown one
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


# --- Checks before parsing ---------------------------------------------------------------------------------------


def is_bomb(payload: bytes) -> bool:
    """Return True if a request contains a mail that is expensive to parse, as text, in a form or in JSON.

    Some providers encode the mail, or an attached one, in base64 within their JSON.
    """
    return _is_bomb(payload) or any(_is_bomb(mail) for mail in _in_base64(payload))


def _in_base64(payload: bytes) -> Iterator[bytes]:
    """Yield the decoded base64 strings in JSON."""
    for found in _BASE64.finditer(payload):
        text = _NO_BASE64.sub(b"", found[1])
        yield base64.b64decode(text[: len(text) // 4 * 4])


def _is_bomb(payload: bytes) -> bool:
    lower = payload.lower()
    if lower.count(b"multipart") > _MAX_LEVELS or lower.count(b"content-type") > _MAX_PARTS:
        return True
    headers = _PART_HEADER.finditer(_LINE_END.sub(b"\n", lower))
    return any(found[0].count(b";") + found[0].count(b"%3b") > _MAX_PARAMETERS for found in headers)


# --- A mail in JSON --------------------------------------------------------------------------------------------------


def has_long_header(payload: bytes) -> bool:
    """Return True if a provider's JSON contains a header that is expensive to parse."""
    try:
        mail = json.loads(payload, strict=False)
    except ValueError:
        return False
    return isinstance(mail, dict) and any(_is_long(value) for name, value in mail.items() if name not in _BODIES)


def _is_long(node: Any) -> bool:
    if isinstance(node, str):
        return len(node) > MAX_HEADER
    if isinstance(node, list):
        return any(map(_is_long, node))
    return isinstance(node, dict) and any(_is_long(value) for name, value in node.items() if name != "Content")


def repaired(payload: bytes) -> bytes:
    """Return a provider's JSON with repaired headers and without the contents of attachments."""
    return json.dumps(_repaired(json.loads(payload, strict=False))).encode("utf-8")


def _repaired(node: Any) -> Any:
    if isinstance(node, str):
        # JSON can contain lone surrogates, UTF-8 cannot.
        return node.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(node, list):
        return [_repaired(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "ContentType" in node:
        return {"Name": _one_line(node.get("Name")), **_FILE, "ContentID": _one_line(node.get("ContentID")) or None}
    payload = {str(name): _repaired(value) for name, value in node.items()}
    for name in ("Name", "Email", "Subject", "Date", "ReplyTo"):
        if name in payload and not isinstance(payload[name], dict | list):
            payload[name] = _one_line(payload[name])
    if "Headers" in payload:
        payload["Headers"] = _repaired_headers(payload["Headers"])
    for name in ("FromFull", "ToFull", "CcFull", "BccFull"):
        if name in payload:
            payload[name] = _repaired_addresses(payload[name])
    return payload


def _repaired_headers(headers: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    taken = {"from", "to", "cc", "bcc", "subject"}  # separate fields in the provider's JSON
    for each in headers if isinstance(headers, list) else ():
        name = _one_line(each.get("Name")) if isinstance(each, dict) else ""
        if not re.fullmatch(r"[\w-]{1,100}", name, re.ASCII) or name.lower() in taken:
            continue
        if name.lower() in _ONCE:
            taken.add(name.lower())
        found.append({"Name": name, "Value": _one_line(each.get("Value"))})
    return found


def _repaired_addresses(payload: Any) -> Any:
    if isinstance(payload, list):
        return [each for each in map(_repaired_addresses, payload) if each]
    if not isinstance(payload, dict):
        return None
    found = _ADDRESS.fullmatch(str(payload.get("Email") or ""))
    return {"Email": found[0], "Name": ""} if found else None


def _one_line(value: Any) -> str:
    return " ".join(str(value or "")[:MAX_HEADER].split()).replace("\x00", "")
