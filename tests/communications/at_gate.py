"""What must hold of a message at the moment at which it passes its gate, reckoned from the ledger's lines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from communications.contacts import addresses
from communications.content import phrases
from communications.models import Communication, Copy, Kind, Medium
from communications.schedule import ladder, one_off
from invoices.debtors import contacts, debtor_parties, parties
from invoices.models import Allocation, Contact, Dispute, Invoice, Receipt

OPEN = ("new", "overdue", "disputed", "on_hold")
Sums = dict[str, Decimal]


def check(rows: Sequence[Communication]) -> None:
    """`rows` have just become one message."""
    if not rows:
        return
    first = rows[0]
    now, today = first.account.now(), first.account.today()
    by_person = one_off.is_by_person(first)
    assert ladder.place(first.invoice, ladder.rules_of(first.account)).next_opening(now) == now, first
    invoices = {each.pk: each for each in Invoice.objects.filter(debtor=first.debtor_id)}
    _check_copies(rows)
    if first.kind == Kind.THANK_YOU:
        assert (len(rows), invoices[first.invoice_id].status) == (1, "paid"), first
        return
    for row in rows:
        invoice = invoices[row.invoice_id]
        assert invoice.status in OPEN, (row, invoice.status)
        assert invoice.status != "disputed" or _owed(invoice) > 0, row
        assert invoice.status != "on_hold" or by_person or row.kind == Kind.PROMISE_FOLLOWUP, row
        assert not invoice.not_before or invoice.not_before <= now, (row, invoice.not_before)
        assert row.amount == _balance(invoice) > 0, row
        assert row.recipient == first.recipient, row
    named = _named(first, list(invoices.values()))
    for invoice in invoices.values():
        is_named = invoice.invoice_number in _without_links(first)
        assert not is_named or invoice.pk in named, (first, invoice)
        assert not is_named or not invoice.not_before or invoice.not_before <= now, (first, invoice)
    _asks_for_what_is_owed(rows, [invoices[pk] for pk in named], today)


def _without_links(row: Communication) -> str:
    words = f"{row.subject} {row.body}".split()
    return " ".join(word for word in words if not word.startswith("http"))


def _balance(invoice: Invoice) -> Decimal:
    paid = Allocation.objects.filter(invoice=invoice).aggregate(total=Sum("amount"))["total"]
    return invoice.amount - (paid or Decimal(0))


def _owed(invoice: Invoice) -> Decimal:
    """The balance without the disputed amount, which no message asks for."""
    balance = _balance(invoice)
    if invoice.status != "disputed":
        return balance
    part = Dispute.objects.get(invoice=invoice, status="open").amount
    return max(balance - part, Decimal(0)) if part else Decimal(0)


def _named(first: Communication, invoices: list[Invoice]) -> list[Any]:
    """Those of the same party that were given the message's recipient, and are written about."""
    account = first.account
    parties = debtor_parties.groups(account, {each.party for each in invoices})
    found = []
    for invoice in invoices:
        invoice.account = account
        same = invoice.party in parties[first.invoice.party]
        own = addresses.invoice_address(first.invoice, first.channel)
        recipient = first.recipient if own else ""
        named = _further(first.invoice, first) <= _further(invoice, first) | {recipient}
        if invoice.pk == first.invoice_id or (
            same and named and addresses.invoice_address(invoice, first.channel) == recipient
        ):
            found.append(invoice.pk)
    return found


def _further(invoice: Invoice, first: Communication) -> set[str]:
    """The addresses that an invoice names besides its own, of those who receive messages of this kind."""
    by = "email" if first.channel == "email" else "phone"
    own = addresses.invoice_address(invoice, first.channel)
    wanted = [each for each in invoice.contacts if not each.get("receives") or first.kind in each["receives"]]
    replacements = contacts.replacements_for(invoice)
    return {contacts.corrected(by, each.get(by) or "", replacements) for each in wanted} - {own, ""}


def addresses_of(entries: Iterable[dict[str, Any]]) -> set[str]:
    """All addresses of some contacts, in normal form."""
    return {contacts.normalise(by, each.get(by) or "") for each in entries for by in ("email", "phone")} - {""}


def has_name(invoice: Invoice) -> bool:
    """The invoice's party has the debtor's name, or is its only one."""
    stored = Invoice.objects.filter(debtor=invoice.debtor_id).values_list("party", flat=True)
    own = parties.of(invoice.debtor.name, invoice.debtor.company).key
    groups = debtor_parties.groups(invoice.account, {own, *stored})
    return invoice.party in groups[own] or len({groups[key] for key in stored}) == 1


def _check_copies(rows: Sequence[Communication]) -> None:
    """Each copy goes to an address that each of the message's invoices was given, or to a contact of the debtor."""
    first = rows[0]
    copies = list(Copy.objects.filter(message_id=first.message_id))
    assert bool(copies) == first.has_copies, first
    assert len({copy.recipient for copy in copies}) == len(copies) != 1, first
    others = addresses_of(Contact.objects.filter(debtor=first.debtor_id).values()) if has_name(first.invoice) else set()
    for copy in copies:
        record = addresses.record_of(first.account, copy.channel, copy.recipient)
        assert not (record and (record.opted_out_at or record.invalid_at)), copy
        for row in rows:
            assert copy.recipient in {first.recipient, *_further(row.invoice, first), *others}, (row, copy)


def _credit(first: Communication) -> Sums:
    """What came in and pays nothing yet. Of a debtor with several parties, whose money is not told apart, none."""
    keys = set(Invoice.objects.filter(debtor=first.debtor_id).values_list("party", flat=True))
    if len({frozenset(group) for group in debtor_parties.groups(first.account, keys).values()}) > 1:
        return {}
    credit: Sums = defaultdict(Decimal)
    for receipt in Receipt.objects.filter(debtor=first.debtor_id, status="standing"):
        used = Allocation.objects.filter(receipt=receipt).aggregate(total=Sum("amount"))["total"]
        credit[receipt.currency] += receipt.amount - (used or Decimal(0))
    return {currency: amount for currency, amount in credit.items() if amount}


def _asks_for_what_is_owed(rows: Sequence[Communication], named: list[Invoice], today: Any) -> None:
    first, credit = rows[0], _credit(rows[0])
    about = {row.invoice_id for row in rows}
    alone = first.kind == Kind.PROMISE_FOLLOWUP
    listed = [
        each
        for each in named
        if each.pk in about or (not alone and each.status in OPEN and each.is_chased and _owed(each) > 0)
    ]
    late = [each for each in listed if each.due_date < today and (each.pk in about or each.status != "on_hold")]
    ours = [each for each in listed if each.pk in about]
    counted = late or ours
    if first.channel != Medium.EMAIL or not any(_net(counted, credit).values()):
        counted = [*ours, *(each for each in late if each.pk not in about)]
    net = _net(counted, credit)
    assert any(net.values()), (first, "asks for nothing")
    asked: Sums = defaultdict(Decimal)
    for row in rows:
        assert row.asked is not None
        assert 0 <= row.asked <= row.amount, row  # type: ignore[operator]
        assert row.asked <= _owed(row.invoice), row
        if row.invoice_id in {each.pk for each in counted}:
            asked[row.invoice.currency] += row.asked
    for currency, amount in asked.items():
        assert amount <= net[currency], (first, asked, net)
        if all(each.pk in about for each in counted if each.currency == currency):
            assert amount == net[currency], (first, asked, net)
    wanted = {currency: amount for currency, amount in net.items() if amount}
    is_several = len(listed if first.channel == Medium.EMAIL else counted) > 1
    figure = phrases.amounts(wanted, first.language)
    if first.channel == Medium.EMAIL and len(listed) > 1 and not late:
        # Several that are not due yet are listed one by one; the sum stands in the subject.
        assert figure in first.subject, (first, figure, first.subject)
        for each in listed:
            assert phrases.amounts({each.currency: _owed(each)}, first.language) in first.body, (first, each)
    elif is_several or len(wanted) == 1:
        assert figure in first.body, (first, figure, first.body)
    owed = _sums(counted)
    used = {code: min(amount, credit.get(code, Decimal(0))) for code, amount in owed.items()}
    if used := {code: amount for code, amount in used.items() if amount}:
        assert phrases.amounts(used, first.language) in first.body, (first, used, first.body)


def _sums(invoices: list[Invoice]) -> Sums:
    sums: Sums = defaultdict(Decimal)
    for invoice in invoices:
        sums[invoice.currency] += _owed(invoice)
    return sums


def _net(invoices: list[Invoice], credit: Sums) -> Sums:
    return {code: max(Decimal(0), owed - credit.get(code, Decimal(0))) for code, owed in _sums(invoices).items()}
