"""A merge tells no party of another, and an address with one reader has limits of its own."""

import datetime as dt
import uuid
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from communications.contacts import readers
from communications.delivery import sender
from communications.models import Address, Communication
from communications.portal import entries, links, statement, texts
from communications.schedule import holding, ladder, replanning
from communications.schedule.facts import Facts
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.debtors import debtor_parties, debtors, merging
from invoices.errors import Refused
from invoices.models import Contact, Debtor, DebtorMerge, Invoice, Receipt
from tests import make
from tests.communications.test_parties_apart import MAILBOX, _tells_of_one_each, late, send_all
from tests.mailserver import MailServer
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


def path_of(url: str) -> str:
    return url.removeprefix("http://testserver")


def test_merged_parties_get_two_messages_and_have_two_pages(
    account: Account, mail: MailServer, visitor: Client
) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    send_all(account)
    _tells_of_one_each(mail, visitor)
    for party in debtor_parties.of(make.again(beta).debtor):
        context = statement.context(make.again(beta).debtor, texts.of("en"), party)
        shown = render_to_string("communications/portal/statement.html", context).upper()
        assert ("ALPHA" in shown) != ("BETA" in shown)


def test_an_old_link_of_the_merged_debtor_shows_its_own_party_only(account: Account, visitor: Client) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    own = path_of(links.page_url_of(make.again(alpha), "en"))
    without_party = path_of(links.page_url(make.again(alpha).debtor, "en"))
    done = merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    for path in (own, without_party):
        html = visitor.get(path).content.decode()
        assert "ALPHA-1" in html
        assert "BETA" not in html.upper()
    merging.undo(account, done.pk, make.STAFF)
    assert "ALPHA-1" in visitor.get(own).content.decode()
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    links.revoke(make.again(beta).debtor, make.STAFF)
    assert "ALPHA-1" not in visitor.get(own).content.decode()


def test_an_old_link_of_a_debtor_without_invoices_shows_nothing_of_the_other(account: Account, visitor: Client) -> None:
    beta = late(account, "Beta LLC", "BETA-1")
    empty = Debtor.objects.create(account=account, name="Alpha", company="Alpha LLC")
    link = path_of(links.page_url(empty, "en"))
    merging.merge(account, empty.pk, beta.debtor_id, make.STAFF)
    assert "BETA" not in visitor.get(link).content.decode().upper()


def test_credit_stays_with_its_party(account: Account) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    Receipt.objects.create(
        account=account,
        debtor=make.again(alpha).debtor,
        amount=50,
        currency="AED",
        paid_at=account.today(),
        unallocated=50,
        recorded_at=account.now(),
    )
    done = merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    assert ledger.credit_for(make.again(alpha)) == {"AED": Decimal(50)}
    assert ledger.credit_for(make.again(beta)) == {}
    merging.undo(account, done.pk, make.STAFF)
    assert Receipt.objects.get().party == ""
    assert ledger.credit_for(make.again(alpha)) == {"AED": Decimal(50)}


def test_one_contact_limit_counts_for_the_merged_debtor(account: Account, mail: MailServer) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    assert sender.send(make.reminder_due(alpha).pk)
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    planned = Communication.objects.get(invoice=beta)
    assert planned.waits_for == "cap"
    assert planned.scheduled_for > timezone.now() + dt.timedelta(hours=71)


# --- One reader --------------------------------------------------------------------------------------------------


def set_reader(account: Account, address: str = MAILBOX) -> None:
    readers.set_one_reader(account, address, make.STAFF)
    replanning.run_requested(account)


def test_a_shared_address_has_a_limit_of_its_own_only_with_one_reader(account: Account, mail: MailServer) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    gamma = late(account, "Gamma LLC", "GAMMA-1", debtor_email="pay@gamma.ae")
    set_reader(account)
    assert sender.send(make.reminder_due(alpha).pk)
    planned = Communication.objects.get(invoice=beta)
    assert planned.waits_for == "cap"
    assert planned.scheduled_for > timezone.now() + dt.timedelta(hours=71)
    assert make.again(beta).next_contact_at == planned.scheduled_for
    assert not sender.send(make.reminder_due(beta).pk)  # the gate checks it again
    assert Communication.objects.get(invoice=beta).waits_for == "cap"
    assert sender.send(make.reminder_due(gamma).pk)
    readers.set_reader(Address.objects.get(address=MAILBOX), make.STAFF, has_one=False)
    replanning.run_requested(account)
    assert Communication.objects.get(invoice=beta).waits_for == ""
    assert sender.send(make.reminder_due(beta).pk)
    assert len(mail.mails) == 3


def test_one_reader_who_gets_a_copy_is_limited_too(account: Account, mail: MailServer) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    for invoice, own in ((alpha, "pay@alpha.ae"), (beta, "pay@beta.ae")):
        Invoice.objects.filter(pk=invoice.pk).update(debtor_email=own)
        Contact.objects.create(account=account, debtor=invoice.debtor, email=MAILBOX)
    set_reader(account)
    assert sender.send(make.reminder_due(make.again(alpha)).pk)
    assert mail.recipients == ["pay@alpha.ae", MAILBOX]
    assert not sender.send(make.reminder_due(make.again(beta)).pk)
    assert Communication.objects.get(invoice=beta).waits_for == "cap"
    assert len(mail.mails) == 2


def test_an_undone_payment_of_a_merged_debtor_is_on_no_statement_of_the_other(account: Account) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    paid: dict[str, Any] = {"currency": "AED", "paid_at": account.today(), "reference": "SECRET-OF-ALPHA"}
    receipt = ledger.record_receipt(account, make.STAFF, debtor_id=alpha.debtor_id, amount=Decimal(50), **paid)
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    ledger.void_payment(account, receipt.pk, make.STAFF)
    found = {
        str(party): [
            entry.reference for entry in entries.of(party, dt.date(2020, 1, 1))["AED"].entries if entry.reference
        ]
        for party in debtor_parties.of(make.again(beta).debtor)
    }
    assert not any(found[name] for name in found if "Beta" in name)
    assert all(found[name] for name in found if "Alpha" in name)


def test_a_link_sent_while_two_of_one_name_were_merged_shows_neither_after_the_undo(
    account: Account, visitor: Client
) -> None:
    given = {"debtor_name": "Ahmed Ali", "debtor_email": "one@one.example"}
    one = late(account, "", "ONE-1", **given)
    two = late(account, "", "TWO-1", **given | {"debtor_email": "two@two.example"})
    assert one.debtor_id != two.debtor_id
    done = merging.merge(account, one.debtor_id, two.debtor_id, make.STAFF)
    sent_to_one = path_of(links.page_url_of(make.again(one), "en"))
    assert visitor.get(sent_to_one).status_code == 200
    merging.undo(account, done.pk, make.STAFF)
    assert visitor.get(sent_to_one).status_code == 404
    assert "TWO-1" in visitor.get(path_of(links.page_url_of(make.again(two), "en"))).content.decode()


# --- At the same time --------------------------------------------------------------------------------------------


def nothing_is_left(account: Account) -> None:
    assert merging.stragglers(account) == {}
    assert ledger.count_unbalanced() == lifecycle.count_underived() == 0


@pytest.mark.django_db(transaction=True)
def test_invoices_payments_and_replies_during_a_merge_reach_the_remaining_debtor(mail: MailServer) -> None:
    account = make.account()
    for turn in range(4):
        name = f"Alpha {'ABCD'[turn]} LLC"
        alpha, beta = late(account, name, f"ALPHA-{turn}"), late(account, "Beta LLC", f"BETA-{turn}")
        due = make.reminder_due(alpha)
        calls: list[Any] = [
            partial(merging.merge, account, make.again(alpha).debtor_id, make.again(beta).debtor_id, make.STAFF),
            partial(late, account, name, f"ALPHA-{turn}-NEW", debtor_email="new@alpha.ae"),
            partial(late, account, name, f"ALPHA-{turn}-SAME"),
            partial(lifecycle.record_payment, account, alpha.pk, make.API, amount=Decimal(30_000), key=uuid.uuid4()),
            partial(sender.send, due.pk),
            partial(debtors.record_reply, account, alpha.debtor_id, make.STAFF),
        ]
        results = at_once(*calls)
        assert not [result for result in results if isinstance(result, Exception)], results
        nothing_is_left(account)
        done: Any = results[0]
        assert Debtor.objects.get(pk=done.winner_id).unhandled_answers
        assert Invoice.objects.filter(invoice_number__startswith=f"ALPHA-{turn}", debtor=done.loser_id).count() == 0
        assert Communication.objects.filter(debtor=done.loser_id).count() == 0
        Debtor.objects.update(unhandled_answers=0, answered_at=None)


@pytest.mark.django_db(transaction=True)
def test_opposite_merges_and_undos_at_once_never_deadlock() -> None:
    account = make.account()
    one, two = (late(account, company, company).debtor_id for company in ("One LLC", "Two LLC"))
    for _ in range(3):
        results = at_once(
            partial(merging.merge, account, one, two, make.STAFF),
            partial(merging.merge, account, two, one, make.STAFF),
        )
        done = [each for each in results if isinstance(each, DebtorMerge)]
        assert len(done) == 1
        assert sum(isinstance(each, Refused) for each in results) == 1
        nothing_is_left(account)
        undone = at_once(*[partial(merging.undo, account, done[0].pk, make.STAFF)] * 3)
        assert sum(isinstance(each, DebtorMerge) for each in undone) == 1
        assert sum(isinstance(each, Refused) for each in undone) == 2


@pytest.mark.django_db(transaction=True)
def test_two_gates_at_one_reader_send_one_message(mail: MailServer) -> None:
    account = make.account()
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    set_reader(account)
    due = [make.reminder_due(each).pk for each in (alpha, beta)]
    at_once(*(partial(sender.send, pk) for pk in due))
    assert len(mail.mails) == 1


def test_a_message_that_left_while_a_gate_waited_for_the_reader_counts_as_sent_at_the_gates_time(
    account: Account, mail: MailServer
) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    set_reader(account)
    row = make.reminder_due(beta)
    assert sender.send(make.reminder_due(alpha).pk)
    sent_at: Any = Communication.objects.get(invoice=alpha, status="sent").sent_at
    moment: dt.datetime = sent_at - dt.timedelta(milliseconds=1)
    facts = Facts(account, beta.debtor, ladder.rules_of(account), [beta], now=moment)
    assert holding.next_allowed(facts, beta, row, moment) > moment
