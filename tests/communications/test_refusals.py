"""The class of a refusal decides whether an address is marked, an attempt counted, or the message waits.

`smtp_replies.tsv` has real replies, as their products document or send them, with example addresses.
"""

import csv
import time
from pathlib import Path

import pytest

from communications.channels.refusals import Stage, classify, classify_text, enhanced_code

TABLE = Path(__file__).with_name("smtp_replies.tsv")


def replies() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def split(line: str) -> tuple[int, str]:
    """Return a reply as smtplib does: the code, and the lines without it."""
    return int(line[:3]), "\n".join(part[4:] for part in line.split("\\n"))


@pytest.mark.parametrize("row", replies(), ids=lambda row: f"{row['product']}: {row['reply'][:60]}")
def test_a_reply_has_its_class(row: dict[str, str]) -> None:
    if row["stage"] == Stage.REPORT:
        assert classify_text(row["reply"]) == row["class"]
    else:
        assert classify(Stage(row["stage"]), *split(row["reply"])) == row["class"]


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(replies()) >= 150
    assert len({row["product"] for row in replies()}) >= 15


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 unknown", "5.1.1"),
        (550, "sorry (#5.1.1)", "5.1.1"),
        (550, "#5.1.0 Address rejected", "5.1.0"),
        (550, "from 5.2.1.4 refused", ""),
        (450, "5.1.1 unknown", ""),
        (550, "", ""),
    ],
)
def test_the_enhanced_code_is_found(code: int, text: str, expected: str) -> None:
    assert enhanced_code(text, code) == expected


@pytest.mark.parametrize(
    "text",
    ["user " * 5_000, "user not " * 5_000, "exceed a " * 9_000, "<" * 50_000, "a@" * 50_000, "limit message " * 5_000],
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    began = time.monotonic()
    classify(Stage.RECIPIENT, 550, text)
    assert time.monotonic() - began < 0.5
