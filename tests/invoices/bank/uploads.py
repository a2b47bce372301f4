"""Uploads without the process around the parser, which takes longer than the rest of a test."""

import io
from typing import Any

from django.db import transaction

from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account
from invoices.bank import files, reading, statements
from invoices.bank.parsing.files import records_of
from invoices.models.bank import BankFile, BankLine, FileState

WORKER = Actor("agent@example.com", Channel.IMPORT)


def parsed(content: str | bytes, **options: str) -> list[reading.ParsedStatement]:
    given = {"encoding": "", "date_order": "", "account": "", "currency": "", **options}
    raw = content.encode() if isinstance(content, str) else content
    return reading.statements_of(records_of(io.BytesIO(raw), given), given["account"])


def upload(account: Account, content: str | bytes, **options: str) -> statements.Stored:
    """Store the statements of a file."""
    file = BankFile.objects.create(account=account, file_name="x", content=b"", actor="x", state=FileState.READ)
    with transaction.atomic():
        return statements.store(file, parsed(content, **options))


def matched(account: Account, content: str | bytes, **options: str) -> list[BankLine]:
    """Store a file, match its lines, and return the account's lines in the order of their days and amounts."""
    upload(account, content, **options)
    files.match(account, WORKER)
    return lines(account)


def lines(account: Account) -> list[BankLine]:
    return list(BankLine.objects.for_account(account).order_by("day", "amount", "text", "ordinal"))


def keys(account: Account) -> list[tuple[Any, ...]]:
    """What identifies the lines, and what they say."""
    found = BankLine.objects.for_account(account).order_by("base", "ordinal")
    return list(found.values_list("base", "ordinal", "day", "amount", "text"))
