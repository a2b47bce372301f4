"""Proposals and decisions of bank lines as people read them, with the invoices, debtors and payments of a whole page
read at once."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inflow.dashboard.core.markup import badge
from invoices import money
from invoices.bank.proposals import Action, Proposal, reasons_shown, stored
from invoices.models import Debtor, Invoice, Receipt
from invoices.models.bank import BankLine, Certainty, LineState

CERTAINTY_BADGES = {Certainty.CERTAIN: "success", Certainty.LIKELY: "info", Certainty.POSSIBLE: ""}
STATE_BADGES = {LineState.OPEN: "warning", LineState.PROPOSED: "info", LineState.POSTED: "success"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal with the rows that it names. A row that is gone is left out."""

    proposal: Proposal
    title: str
    debtor: Debtor | None
    parts: list[dict[str, Any]]
    credit: str
    receipts: list[Receipt]

    @property
    def certainty(self) -> str:
        certainty = Certainty(self.proposal.certainty)
        return badge(certainty.label, CERTAINTY_BADGES[certainty])

    @property
    def reasons(self) -> str:
        return reasons_shown(self.proposal)

    @property
    def text(self) -> str:
        """Return the proposal in one line."""
        if self.receipts:
            return f"{self.title}: {_(', ').join(map(payment_shown, self.receipts))}"
        parts = ", ".join(f"{part['number']} {part['amount']}" for part in self.parts)
        credit = _("credit %(amount)s") % {"amount": self.credit} if self.credit else ""
        return f"{self.title}: {self.debtor or '–'}; {'; '.join(filter(None, [parts, credit]))}"


def shown(lines: Iterable[BankLine]) -> dict[uuid.UUID, list[Shown]]:
    """Return the proposals of the lines that are to do."""
    lines = [line for line in lines if line.is_to_do]
    found = {line.pk: stored(line) for line in lines}
    everything = [each for proposals in found.values() for each in proposals]
    accounts = {line.account_id for line in lines}
    invoice_ids = {pk for one in everything for pk, _part in one.shares()}
    invoices = Invoice.objects.filter(account__in=accounts).in_bulk(invoice_ids)
    debtors = Debtor.objects.filter(account__in=accounts).in_bulk({one.debtor for one in everything} - {""})
    own = Receipt.objects.filter(account__in=accounts).select_related("posted_on")
    receipts = own.in_bulk({pk for one in everything for pk in one.payments()})
    return {line.pk: [_shown(line, one, invoices, debtors, receipts) for one in found[line.pk]] for line in lines}


def _shown(line: BankLine, one: Proposal, invoices: Any, debtors: Any, receipts: Any) -> Shown:
    parts = [(invoices[pk], part) for pk, part in one.shares() if pk in invoices]
    rest = line.amount - sum((part for _invoice, part in parts), Decimal(0))
    is_receipt = one.action == Action.RECEIVE
    return Shown(
        proposal=one,
        title=title(one),
        debtor=debtors.get(uuid.UUID(one.debtor)) if one.debtor else None,
        parts=[
            {
                "number": invoice.invoice_number,
                "url": reverse("admin:invoices_invoice_change", args=[invoice.pk]),
                "amount": money.display(part, line.currency),
            }
            for invoice, part in parts
        ],
        credit=money.display(rest, line.currency) if is_receipt and rest > 0 else "",
        receipts=[receipts[pk] for pk in one.payments() if pk in receipts],
    )


def payment_shown(receipt: Receipt) -> str:
    """Return a payment with the invoice that it was recorded on."""
    return f"{receipt} ({receipt.posted_on.invoice_number})" if receipt.posted_on else str(receipt)


def title(proposal: Proposal) -> str:
    return {
        Action.RECEIVE: _("Record the payment"),
        Action.LINK: _("Already recorded"),
        Action.REVERSE: _("Reverse the payment"),
    }[Action(proposal.action)]


def state_badge(line: BankLine) -> str:
    """Return the state, and how the line was handled."""
    state = LineState(line.state)
    label = line.get_result_display() if line.result else state.label
    return badge(label, STATE_BADGES.get(state, ""))


def party(line: BankLine) -> str:
    return line.payer_name or line.payer_account or "–"


def outcome(line: BankLine) -> str:
    """Return who handled the line, when and why."""
    if line.state == LineState.IGNORED and not line.actor:
        return _("Money that left the account and takes back no payment.")
    when = date_format(line.decided_at, "SHORT_DATE_FORMAT") if line.decided_at else ""
    return ", ".join(filter(None, [line.reason, line.actor, when]))
