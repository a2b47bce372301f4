"""What somebody wrote in a mail, without the message that they answer and without their signature."""

import html
import re

from django.utils.html import strip_tags

_QUOTE = re.compile(
    r"^(?:>"
    r"|--\s*$|_{5,}\s*$"
    r"|-{2,}\s*(?:original message|forwarded message|الرسالة الأصلية)"
    r"|(?:from|sent|من|مرسل):\s.+$"
    r"|on\b.{0,200}\bwrote:\s*$"
    r"|.{0,200}(?:كتب|كتبت)\b.{0,200}:\s*$)",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"<(?:br|/p|/div|/tr|/li)\b[^>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(head|style|script|blockquote)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)


def said(text: str, markup: str = "") -> str:
    """Of the plain text, else of the HTML. An attribution may be broken over two lines."""
    if not text.strip():
        text = html.unescape(strip_tags(_BLOCK.sub("\n", _UNSEEN.sub("\n", markup[:200_000]))))
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    kept: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        plain = line.strip().lstrip("\u200e\u200f")
        if _QUOTE.match(plain) or (plain.lower().startswith("on ") and _QUOTE.match(f"{plain} {after.strip()}")):
            break
        kept.append(line)
    return "\n".join(kept).strip()
