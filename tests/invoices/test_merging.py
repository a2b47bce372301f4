"""Two debtors become one, and two again."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from communications.contacts import addresses, consent
from communications.models import Communication, ConsentEntry, Source
from communications.schedule import limits
from inflow.accounts.models import Account, AuditEntry
from invoices import ledger, lifecycle, narrative, signals
from invoices.debtors import aliases, debtors, merged_rows, merging
from invoices.errors import NotFound, Refused
from invoices.models import (
    Contact,
    ContactCorrection,
    Debtor,
    DebtorExternalId,
    DebtorIdentity,
    DebtorMerge,
    Escalation,
    Invoice,
    TimelineEntry,
)
from tests import make
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
# Not compared: the log of what happened, and the time of the last change.
_LOGS = {"invoices.timelineentry", "accounts.auditentry", "invoices.debtormerge"}


def late(account: Account, company: str, **given: Any) -> Invoice:
    given = {"debtor_email": f"pay@{company.split()[0].lower()}.ae", "debtor_name": "Accounts"} | given
    return make.overdue_invoice(account, place=make.open_place(), debtor_company=company, **given)


def pair(account: Account) -> tuple[Debtor, Debtor]:
    """Alpha and Beta, with something of each kind."""
    alpha, beta = late(account, "Alpha LLC"), late(account, "Beta LLC")
    for invoice in (alpha, beta):
        debtor = make.again(invoice).debtor
        DebtorExternalId.objects.create(account=account, debtor=debtor, external_id=f"C-{invoice.debtor_company}")
        Contact.objects.create(account=account, debtor=debtor, email=f"cfo@{invoice.debtor_company[:4]}.ae")
        debtors.replace_contact(
            debtor, "email", invoice.debtor_email, f"new@{invoice.debtor_company[:4]}.ae", make.STAFF
        )
        lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(30_000))
        late(account, invoice.debtor_company, invoice_number=f"{invoice.debtor_company[:4]}-2".upper())
    both = make.again(alpha).debtor, make.again(beta).debtor
    for debtor in both:
        signals.debtor_changed.send(Debtor, debtor=debtor)  # plans again what was planned before the payments
    return both


def everything(account: Account) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that belongs to an account."""
    found = {}
    for model in apps.get_models():
        names = {field.name for field in model._meta.concrete_fields}
        if "account" in names and model._meta.managed and model._meta.label_lower not in _LOGS:
            found[model._meta.label_lower] = [_without_times(model, row) for row in _rows(model, account)]
    return found


def _rows(model: type[Model], account: Account) -> Any:
    return model._default_manager.filter(account=account).order_by("pk").values()


def _without_times(model: type[Model], row: dict[str, Any]) -> dict[str, Any]:
    if row.get("waits_for") == "cap":  # the same time, which an earlier plan had without its reason
        row["waits_for"] = ""
    return {name: value for name, value in row.items() if name != "updated_at"}


def differences(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """What is not as before: the table, the row, and the values of the columns that differ."""
    found: list[Any] = []
    for table, rows in before.items():
        assert len(after[table]) == len(rows), table
        for old, new in zip(rows, after[table], strict=True):
            found += [(table, old["id"], name, old[name], new[name]) for name in old if old[name] != new[name]]
    return found


def test_a_merge_moves_every_row_and_an_undo_moves_it_back(account: Account) -> None:
    alpha, beta = pair(account)
    before = everything(account)
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    assert merging.stragglers() == {}
    assert Invoice.objects.filter(debtor=beta).count() == 4
    assert ledger.credit_of([alpha.pk, beta.pk]) == {beta.pk: {"AED": Decimal(10_000)}}
    assert aliases.current(Debtor.objects.get(pk=alpha.pk)) == beta
    merging.undo(account, done.pk, make.STAFF)
    assert differences(before, everything(account)) == []
    texts = [narrative.in_english(each) for each in TimelineEntry.objects.filter(kind__contains="merge").order_by("id")]
    assert texts == [
        *["Moved to debtor Accounts, Beta LLC, into which Accounts, Alpha LLC was merged."] * 2,
        *["Moved back to debtor Accounts, Alpha LLC: the merge was undone."] * 2,
    ]
    actions = AuditEntry.objects.filter(action__startswith="debtor.merge").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["debtor.merged", "debtor.merge_undone"]


def test_a_preview_says_what_moves_and_changes_nothing(account: Account) -> None:
    alpha, beta = pair(account)
    with nothing_happens(account):
        shown = merging.preview(account, alpha.pk, beta.pk)
    assert shown.moves["invoice"] == 2
    assert shown.moves["receipt"] == shown.moves["contact"] == shown.moves["contactcorrection"] == 1
    assert shown.outstanding == {"AED": Decimal(25_000)}
    assert shown.credit == {"AED": Decimal(5_000)}
    assert any("different parties" in effect for effect in shown.effects)


def test_each_column_that_refers_to_a_debtor_moves_or_is_known_to_stay() -> None:
    moving = {f"{model._meta.label_lower}.{column}" for model, column in merged_rows.relations()}
    assert {"invoices.invoice.debtor", "invoices.receipt.debtor", "invoices.creditnote.debtor"} <= moving
    assert {"communications.communication.debtor", "communications.reply.debtor"} <= moving
    assert "communications.consententry.debtor" not in moving
    assert not [each for each in Debtor._meta.get_fields(include_hidden=True) if each.one_to_one or each.many_to_many]


def test_the_next_invoice_of_a_merged_debtor_finds_the_remaining_one(account: Account) -> None:
    alpha, beta = pair(account)
    merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    assert late(account, "Alpha LLC").debtor_id == beta.pk
    assert late(account, "Beta LLC").debtor_id == beta.pk


def test_what_came_since_stays_with_the_remaining_debtor(account: Account) -> None:
    alpha, beta = pair(account)
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    since = late(account, "Alpha LLC")
    merging.undo(account, done.pk, make.STAFF)
    assert make.again(since).debtor_id == beta.pk
    assert late(account, "Alpha LLC", invoice_number="A-9").debtor_id in (alpha.pk, beta.pk)
    assert Invoice.objects.filter(debtor=alpha).count() >= 2


def test_messages_planned_since_the_merge_follow_their_invoices_back(account: Account) -> None:
    alpha, beta = pair(account)
    done = merging.merge(account, beta.pk, alpha.pk, make.STAFF)
    invoice = Invoice.objects.get(invoice_number="BETA-2")
    paid = lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.balance)
    ledger.void_payment(account, paid.pk, make.STAFF)
    planned = Communication.objects.filter(invoice=invoice, status="scheduled")
    assert [row.debtor_id for row in planned] == [alpha.pk]
    merging.undo(account, done.pk, make.STAFF)
    assert [row.debtor_id for row in planned.all()] == [beta.pk]


def test_an_identity_that_both_have_comes_back(account: Account) -> None:
    alpha, beta = pair(account)
    identity = DebtorIdentity.objects.filter(debtor=alpha)[0]
    DebtorIdentity.objects.create(
        account=account, debtor=beta, base=identity.base, form=identity.form, email=identity.email
    )
    before = everything(account)
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    assert merging.stragglers() == {}
    merging.undo(account, done.pk, make.STAFF)
    assert everything(account)["invoices.debtoridentity"] == before["invoices.debtoridentity"]


def test_a_chain_of_merges_is_undone_in_reverse_order(account: Account) -> None:
    one, two, three = (make.again(late(account, company)).debtor for company in ("One LLC", "Two LLC", "Three LLC"))
    before = everything(account)
    first = merging.merge(account, one.pk, two.pk, make.STAFF)
    second = merging.merge(account, two.pk, three.pk, make.STAFF)
    assert aliases.current(Debtor.objects.get(pk=one.pk)) == three
    assert set(aliases.ids_of(three.pk)) == {one.pk, two.pk, three.pk}
    assert late(account, "One LLC", invoice_number="ONE-2").debtor_id == three.pk
    with pytest.raises(Refused) as refusal:
        merging.undo(account, first.pk, make.STAFF)
    assert (refusal.value.code, str(second.pk) in refusal.value.message) == ("later_merge", True)
    merging.undo(account, second.pk, make.STAFF)
    merging.undo(account, first.pk, make.STAFF)
    after = {row["id"]: row["debtor_id"] for row in everything(account)["invoices.invoice"]}
    assert {row["id"]: after[row["id"]] for row in before["invoices.invoice"]} == {
        row["id"]: row["debtor_id"] for row in before["invoices.invoice"]
    }


@pytest.mark.parametrize("case", ["itself", "alias", "merged", "unknown", "foreign", "foreign loser"])
def test_impossible_merges_are_refused_and_change_nothing(account: Account, case: str) -> None:
    alpha, beta = pair(account)
    other = make.account("Other")
    foreign = make.again(make.invoice(other)).debtor
    if case in ("alias", "merged"):
        merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    loser, winner, code = {
        "itself": (alpha.pk, alpha.pk, "itself"),
        "alias": (beta.pk, alpha.pk, "itself"),
        "merged": (alpha.pk, beta.pk, "already_merged"),
        "unknown": (alpha.pk, make.NOWHERE, "unknown"),
        "foreign": (alpha.pk, foreign.pk, "unknown"),
        "foreign loser": (foreign.pk, beta.pk, ""),
    }[case]
    with nothing_happens(account), nothing_happens(other), pytest.raises(Refused if code else NotFound) as refusal:
        merging.merge(account, loser, winner, make.STAFF)
    assert getattr(refusal.value, "code", "") == code


def test_an_allocation_across_the_two_blocks_the_undo_and_is_named(account: Account) -> None:
    alpha, beta = pair(account)
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    number = "ALPH-2"
    invoice = Invoice.objects.get(invoice_number=number)
    paid = lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(700), reference="FT-1")
    with nothing_happens(account), pytest.raises(Refused) as refusal:
        merging.undo(account, done.pk, make.STAFF)
    assert refusal.value.code == "allocated_across"
    assert number in refusal.value.message
    assert "AED 700.00" in refusal.value.message
    ledger.void_payment(account, paid.pk, make.STAFF)
    merging.undo(account, done.pk, make.STAFF)
    assert make.again(invoice).debtor_id == alpha.pk


def test_a_merge_is_undone_once_and_within_30_days(account: Account) -> None:
    alpha, beta = pair(account)
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    DebtorMerge.objects.filter(pk=done.pk).update(merged_at=account.now() - dt.timedelta(days=31))
    with pytest.raises(Refused) as refusal:
        merging.undo(account, done.pk, make.STAFF)
    assert refusal.value.code == "too_late"
    DebtorMerge.objects.filter(pk=done.pk).update(merged_at=account.now() - dt.timedelta(days=29))
    merging.undo(account, done.pk, make.STAFF)
    with pytest.raises(Refused) as refusal:
        merging.undo(account, done.pk, make.STAFF)
    assert refusal.value.code == "already_undone"
    with pytest.raises(NotFound):
        merging.undo(make.account("Other"), done.pk, make.STAFF)
    again = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    assert again.pk != done.pk


@pytest.mark.parametrize("who", ["alpha", "beta"])
def test_whoever_is_not_written_to_stays_so(account: Account, who: str) -> None:
    alpha, beta = pair(account)
    chosen = alpha if who == "alpha" else beta
    consent.opt_out(chosen, "", make.STAFF, Source.STAFF, "They asked.")
    Debtor.objects.filter(pk=chosen.pk).update(never_chase=True, never_chase_reason="A cousin", tags=["vip"])
    done = merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    beta.refresh_from_db()
    assert beta.opted_out_at
    assert (beta.never_chase, beta.never_chase_reason, beta.tags) == (True, "A cousin", ["vip"])
    assert ConsentEntry.objects.filter(debtor=chosen).exists()  # the log stays with the one who asked
    merging.undo(account, done.pk, make.STAFF)
    beta.refresh_from_db()
    assert bool(beta.opted_out_at) == beta.never_chase == (who == "beta")


def test_replies_and_contacts_of_both_count_together(account: Account) -> None:
    alpha, beta = pair(account)
    debtors.record_reply(account, alpha.pk, make.STAFF)
    debtors.record_reply(account, beta.pk, make.STAFF)
    counted = [len(limits.contacts(each.pk, account.now())) for each in (alpha, beta)]
    merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    beta.refresh_from_db()
    assert beta.unhandled_answers == 2
    assert len(limits.contacts(beta.pk, account.now())) == sum(counted) == 2


def test_corrections_and_contacts_keep_to_their_party(account: Account) -> None:
    """A shared mailbox that staff corrected for one of the two is not corrected for the other."""
    alpha = late(account, "Alpha LLC", debtor_email="books@gmail.com")
    beta = late(account, "Beta LLC", debtor_email="books@gmail.com")
    debtors.replace_contact(make.again(alpha).debtor, "email", "books@gmail.com", "own@alpha.ae", make.STAFF)
    Contact.objects.create(account=account, debtor_id=alpha.debtor_id, email="cfo@alpha.ae")
    done = merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    assert addresses.choose(make.again(alpha), ["email"]).address == "own@alpha.ae"
    assert addresses.choose(make.again(beta), ["email"]).address == "books@gmail.com"
    assert Communication.objects.get(invoice=beta).recipient == "books@gmail.com"
    assert Contact.objects.get().party == make.again(alpha).party
    merging.undo(account, done.pk, make.STAFF)
    assert Contact.objects.get().party == ContactCorrection.objects.get().party == ""


def test_corrections_of_the_remaining_debtor_apply_as_before(account: Account) -> None:
    """Also if its invoices don't have its name."""
    alpha, beta = late(account, "Alpha LLC"), late(account, "Beta LLC")
    debtors.replace_contact(make.again(beta).debtor, "email", "pay@beta.ae", "own@beta.ae", make.STAFF)
    Debtor.objects.filter(pk=beta.debtor_id).update(company="Renamed LLC")
    assert addresses.choose(make.again(beta), ["email"]).address == "own@beta.ae"
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    assert addresses.choose(make.again(beta), ["email"]).address == "own@beta.ae"
    assert addresses.choose(make.again(alpha), ["email"]).address == "pay@alpha.ae"


def test_a_level_2_case_of_one_stops_the_messages_of_both(account: Account) -> None:
    alpha, beta = late(account, "Alpha LLC"), late(account, "Beta LLC")
    make.escalation(alpha)
    make.escalation(alpha, level=2)
    done = merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    assert Communication.objects.get(invoice=beta).waits_for == "case"
    merging.undo(account, done.pk, make.STAFF)
    assert Communication.objects.get(invoice=beta).waits_for == ""
    assert Escalation.objects.count() == 2


def test_late_writers_reach_the_remaining_debtor(account: Account) -> None:
    alpha, beta = pair(account)
    merging.merge(account, alpha.pk, beta.pk, make.STAFF)
    consent.opt_out(alpha, "", make.STAFF, Source.STAFF, "They asked.")
    debtors.record_reply(account, alpha.pk, make.STAFF)
    beta.refresh_from_db()
    assert beta.opted_out_at
    assert beta.unhandled_answers == 1
    assert aliases.lock(account, alpha.pk) == beta
