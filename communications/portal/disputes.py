"""Disputes on the debtor's page: their state, the account's answers, and the files of both sides."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from communications.content import phrases
from communications.portal.account import format_sentence
from communications.portal.texts import PageText
from invoices import money
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import OPEN, Dispute, DisputeFile, DisputeOutcome, DisputeStatus, TimelineEntry

# A resolved dispute is shown for this long.
SHOWN_FOR = dt.timedelta(days=90)
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DisputeLine:
    number: str
    reason: str
    part: SafeString | str
    state: SafeString
    is_open: bool
    answer: str
    files: list[tuple[str, str]]


def of_party(party: DebtorParty) -> QuerySet[Dispute]:
    """Return the disputes about the party's invoices, without those of a debtor from whom an invoice moved since."""
    moves = TimelineEntry.objects.filter(invoice=OuterRef("invoice"), kind="moved", at__gte=OuterRef("opened_at"))
    found: QuerySet[Dispute] = Dispute.objects.filter(~Exists(moves), invoice__in=party.invoices)
    return found


def lines(token: str, party: DebtorParty, text: PageText) -> list[DisputeLine]:
    """Return up to `MOST_SHOWN` disputes of the party's invoices, newest first: open, or resolved within `SHOWN_FOR`.

    Disputes that ended because their invoice was closed are left out.
    """
    since = party.debtor.account.now() - SHOWN_FOR
    shown = Q(status=DisputeStatus.OPEN, invoice__status__in=OPEN) | Q(resolved_at__gte=since)
    rows = of_party(party).filter(shown).exclude(outcome=DisputeOutcome.CLOSED)
    files = Prefetch("files", DisputeFile.objects.defer("data"))
    found = rows.select_related("invoice", "reason").prefetch_related(files)
    return [_line(token, dispute, text) for dispute in found[:MOST_SHOWN]]


def _line(token: str, dispute: Dispute, text: PageText) -> DisputeLine:
    currency, is_open = dispute.invoice.currency, dispute.status == DisputeStatus.OPEN
    part = money.display(dispute.amount, currency) if dispute.amount is not None else ""
    if not is_open:
        state = format_sentence(getattr(text, f"dispute_{dispute.outcome}"))
    elif dispute.answer_by:
        state = format_sentence(text.dispute_open_until, date=phrases.date(dispute.answer_by, text.language))
    else:
        state = format_sentence(text.dispute_open)
    return DisputeLine(
        dispute.invoice.invoice_number,
        dispute.reason.in_language(text.language) if dispute.reason else "",
        format_sentence(text.dispute_of, amount=part) if part else "",
        state,
        is_open,
        dispute.answer,
        [(file.name, reverse("debtor-page-dispute-file", args=[token, file.pk])) for file in dispute.files.all()],
    )
