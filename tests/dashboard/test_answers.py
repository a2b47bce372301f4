"""What staff do with answers, opt-outs and links: by POST, by the domain's verbs, with a reason where one is needed."""

import pytest

from communications.contacts import consent
from communications.models import Address, Answer, ConsentEntry
from communications.portal import links
from inflow.accounts.actors import DEBTOR
from inflow.accounts.roles import Role
from invoices.models import Payment
from tests import make
from tests.dashboard.world import World, nothing_changes, page, verb

pytestmark = pytest.mark.django_db


def test_a_confirmed_claim_is_posted_to_the_ledger_by_who_confirms_it(own: World) -> None:
    agent, confirm = own.logged_in(Role.AGENT), verb("communications_answer_confirm_paid", own)
    form = agent.get(confirm).content.decode()
    assert 'value="FT-1"' in form
    assert 'value="25000.00"' in form
    said = {"amount": "25000", "paid_at": own.account.today().isoformat(), "method": "bank_transfer"}
    assert agent.post(confirm, {**said, "reference": "FT-1"}).status_code == 302
    assert Payment.objects.get(invoice=own.invoice).reference == "FT-1"
    answer = Answer.objects.get()
    assert (answer.status, answer.handled_by) == ("confirmed", own.people[Role.AGENT].email)
    with nothing_changes(own):
        assert agent.post(confirm, {**said, "reference": "FT-2"}).status_code == 200
        for name in ("confirm_paid", "confirm_promise", "confirm_dispute", "dismiss"):
            change = page("communications_answer", "change", answer.pk)
            assert verb(f"communications_answer_{name}", own) not in agent.get(change).content.decode()


def test_only_what_fits_the_answer_is_offered_and_done(own: World) -> None:
    agent = own.logged_in(Role.AGENT)
    html = agent.get(page("communications_answer", "change", own.rows["communications_answer"])).content.decode()
    assert verb("communications_answer_confirm_paid", own) in html
    assert verb("communications_answer_confirm_promise", own) not in html
    with nothing_changes(own):
        said = {"amount": "-5", "paid_at": "2999-01-01", "method": "cash"}
        assert agent.post(verb("communications_answer_confirm_paid", own), said).status_code == 200
        assert agent.post(verb("communications_answer_dismiss", own), {"reason": ""}).status_code == 200


def test_a_dismissed_claim_leaves_the_ledger_alone(own: World) -> None:
    dismiss = verb("communications_answer_dismiss", own)
    assert own.logged_in(Role.AGENT).post(dismiss, {"reason": "The bank knows of none."}).status_code == 302
    assert Answer.objects.get().handled_because == "The bank knows of none."
    assert not Payment.objects.filter(invoice=own.invoice).exists()
    assert make.again(own.invoice).debtor.answered_at is not None  # their reply to a message still waits
    own.logged_in(Role.AGENT).post(verb("communications_reply_dismiss", own))
    assert make.again(own.invoice).debtor.answered_at is None


def test_bringing_somebody_back_needs_a_written_reason(own: World) -> None:
    agent = own.logged_in(Role.AGENT)
    consent.opt_out(make.again(own.invoice).debtor, "", DEBTOR, "page")
    back, address = verb("invoices_debtor_opt_in", own), verb("communications_address_opt_in", own)
    with nothing_changes(own):
        for where in (back, address):
            assert agent.post(where, {"reason": " "}).status_code == 200
    for where in (back, address):
        assert agent.post(where, {"reason": "Wrote to us on 3 May."}).status_code == 302
    assert make.again(own.invoice).debtor.opted_out_at is None
    assert not Address.objects.exclude(opted_out_at=None).exists()
    returned = ConsentEntry.objects.filter(what="opted_in")
    assert set(returned.values_list("text", "actor")) == {("Wrote to us on 3 May.", own.people[Role.AGENT].email)}


def test_staff_write_down_that_a_debtor_wants_no_messages(own: World) -> None:
    stop = verb("invoices_debtor_opt_out", own)
    assert own.logged_in(Role.AGENT).post(stop, {"reason": "By telephone."}).status_code == 302
    entry = ConsentEntry.objects.get(channel="")
    assert (entry.source, entry.text, entry.debtor) == ("staff", "By telephone.", make.again(own.invoice).debtor)


def test_staff_revoke_the_links_of_one_debtor(own: World, foreign: World) -> None:
    mine, theirs = (links.page_url(make.again(each.invoice).debtor, "en").rpartition("/")[2] for each in (own, foreign))
    assert own.logged_in(Role.AGENT).post(verb("invoices_debtor_revoke_links", own)).status_code == 302
    assert links.resolve_page(mine) is None
    assert links.resolve_page(theirs) is not None
