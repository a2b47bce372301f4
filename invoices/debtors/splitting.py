"""Splitting a debtor: moving chosen invoices to a new debtor of their own."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import english
from inflow.sql import account_scope
from invoices.amending import again_if_changed
from invoices.debtors import contacts, debtor_parties, finding, moving, parties
from invoices.errors import Changed, NotFound, Refused
from invoices.models import Allocation, Contact, ContactCorrection, Debtor, DebtorIdentity, Invoice, Receipt
from invoices.writing import changing_all


@dataclass(frozen=True, slots=True)
class Split:
    """A new debtor, its invoices, and the receipts on them that stay because they also pay an invoice that stays."""

    debtor: Debtor
    invoices: list[Invoice]
    staying: list[Receipt]


@again_if_changed
def split(
    account: Account, debtor_id: uuid.UUID, invoice_ids: Collection[uuid.UUID], actor: Actor, *, reason: str = ""
) -> Split:
    """Move these invoices of a debtor to a new debtor with their name, company and contact. Raise `Refused`.

    Links that were sent to the page of a party of both end: the next message has a new one.
    """
    with account_scope(account):
        previous = Debtor.objects.for_account(account).filter(pk=debtor_id).first()
        if previous is None:
            raise NotFound
        previous.account = account
        chosen = list(Invoice.objects.for_account(account).filter(pk__in=invoice_ids, debtor=previous))
        if not chosen or len(chosen) != len(set(invoice_ids)):
            raise Refused("invoices", "unknown", _("invoices must be invoices of this debtor."))
        if not Invoice.objects.filter(debtor=previous).exclude(pk__in=invoice_ids).exists():
            raise Refused("invoices", "all", _("At least one invoice must stay with the debtor."))
        newest = max(chosen, key=lambda each: (each.created_at, each.invoice_number))
        debtor = Debtor.objects.create(
            account=account,
            name=newest.debtor_name,
            company=newest.debtor_company,
            email=newest.debtor_email,
            phone=newest.debtor_phone,
            language=previous.language,
            time_zone=previous.time_zone,
            country=previous.country,
            subdivision=previous.subdivision,
            owner=previous.owner,
            # What keeps messages from the debtor keeps them from the new one too.
            opted_out_at=previous.opted_out_at,
            answered_at=previous.answered_at,
            never_chase=previous.never_chase,
            never_chase_reason=previous.never_chase_reason,
            page_key=uuid.uuid4(),
        )
        _copy_corrections(previous, debtor, chosen)
        with changing_all(account, invoice_ids, actor, debtor_id=debtor.pk, reason=reason) as drafts:
            if any(draft.invoice.debtor_id != previous.pk for draft in drafts.values()):
                raise Changed
            moving.move(drafts.values(), debtor, actor, reason=reason)
        if debtor_parties.have_one_in_common(previous, debtor):
            # Links that were sent for the moved invoices would open the page of those that stay.
            Debtor.objects.filter(pk=previous.pk).update(page_key=uuid.uuid4())
        invoices = [draft.invoice for draft in drafts.values()]
        _move_identities(previous, debtor, invoices)
        staying = Invoice.objects.filter(debtor=previous).order_by().values("party")
        own = Contact.objects.filter(debtor=previous, party__in={each.party for each in invoices})
        own.exclude(party__in=staying).update(debtor=debtor)
        numbers = sorted(each.invoice_number for each in invoices)
        audit.record(
            account, actor.name, "debtor.split", english(previous)[:120], into=str(debtor.pk), invoices=numbers[:50]
        )
        return Split(debtor, invoices, _staying(previous, invoices))


def _copy_corrections(previous: Debtor, debtor: Debtor, invoices: Collection[Invoice]) -> None:
    """Let the addresses that staff replaced for these invoices stay replaced."""
    for party, invoice in {each.party: each for each in invoices}.items():
        invoice.account, invoice.debtor = previous.account, previous
        for kind, old in contacts.replacements_for(invoice):
            row = ContactCorrection.objects.filter(debtor=previous, kind=kind, old=old).order_by("party").first()
            assert row
            row.pk, row.debtor, row.party = None, debtor, party
            row.save(force_insert=True)


def _move_identities(previous: Debtor, debtor: Debtor, invoices: Collection[Invoice]) -> None:
    """Let the next invoice with the names and contacts of these find the new debtor, unless one that stays has them."""
    staying = Invoice.objects.filter(debtor=previous)
    kept = {_identity(each) for each in staying.only("debtor_name", "debtor_company", "debtor_email", "debtor_phone")}
    for party, email, phone in sorted({_identity(each) for each in invoices}):
        if (party, email, phone) not in kept:
            rows = DebtorIdentity.objects.filter(debtor=previous, base=party.base, form=party.form)
            rows.filter(email=email, phone=phone).delete()
        finding.add_identity(debtor, party, email, phone)


def _identity(invoice: Invoice) -> tuple[parties.Party, str, str]:
    party = parties.of(invoice.debtor_name, invoice.debtor_company)
    return party, invoice.debtor_email, invoice.debtor_phone


def _staying(previous: Debtor, invoices: Collection[Invoice]) -> list[Receipt]:
    """Return the previous debtor's receipts that pay one of these invoices."""
    lines = Allocation.objects.filter(invoice__in=[each.pk for each in invoices], receipt__debtor=previous).order_by()
    paying = lines.values("receipt").annotate(total=Sum("amount")).exclude(total=0).values("receipt")
    return list(Receipt.objects.filter(pk__in=paying).order_by("created_at", "id"))
