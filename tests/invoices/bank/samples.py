"""Invented statements as real banks write them, and small ones made to measure."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("files")
IBAN = "AE070331234567890123456"


def sample(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def mt940(
    entries: Iterable[tuple[int, str, str]],
    *,
    opening: str = "0,00",
    closing: str | None = None,
    number: str = "1/1",
    month: str = "2611",
    last: int | None = None,
    account: str = IBAN,
    currency: str = "AED",
) -> str:
    """A statement with entries (day, amount as "C100,00//REF", text)."""
    entries = list(entries)
    total = Decimal(opening.replace(",", "."))
    lines = []
    for day, money, text in entries:
        mark = money[: 2 if money[0] == "R" else 1]
        number_text, _, reference = money[len(mark) :].partition("//")
        total += Decimal(number_text.replace(",", ".")) * (1 if mark in ("C", "RD") else -1)
        lines.append(f":61:{month}{day:02}{month[2:]}{day:02}{mark}{number_text}NTRFNONREF//{reference or 'NONREF'}")
        lines.append(f":86:{text}")
    ends = last or max((day for day, _money, _text in entries), default=1)
    shown = closing or f"{abs(total):f}".replace(".", ",")
    sign = "D" if total < 0 else "C"
    return "\n".join(
        [
            f":20:S{number.partition('/')[0]}",
            f":25:{account}",
            f":28C:{number}",
            f":60F:C{month}{min((day for day, _m, _t in entries), default=1):02}{currency}{opening}",
            *lines,
            f":62F:{sign}{month}{ends:02}{currency}{shown}",
            "-",
            "",
        ]
    )


def table(rows: Iterable[tuple[Any, ...]], *, account: str = IBAN, currency: str = "AED") -> str:
    """A CSV with rows (day, text, amount)."""
    lines = [f"Account Number:,{account}", f"Currency:,{currency}", "Date,Description,Amount"]
    for day, text, amount in rows:
        shown = day.isoformat() if isinstance(day, dt.date) else f"2026-11-{day:02}"
        lines.append(f'{shown},"{text}",{amount}')
    return "\n".join(lines) + "\n"
