"""The inbox: a reply that came through the signed hook, what it proposes, and what staff make of it."""

import datetime as dt

import pytest

from communications.inbound import replies
from communications.models import Address, Gateway, Reply
from inflow.accounts.roles import Role
from invoices.models import Payment
from tests import make
from tests.communications.provider import say
from tests.dashboard.world import World, nothing_changes, page, verb

pytestmark = pytest.mark.django_db
NUMBER = "+971500000007"


def through_the_hook(own: World, text: str) -> Reply:
    gateway = Gateway.objects.get(account=own.account)
    assert say(gateway, text, sender=NUMBER, token=f"token of {own.account.name}") == 200
    reply: Reply = Reply.objects.select_related("account").get(account=own.account, address=NUMBER)
    return reply


def act(own: World, reply: Reply, name: str) -> str:
    own.rows["communications_reply"] = reply.pk
    return verb(f"communications_reply_{name}", own)


def test_an_ordinal_shows_in_the_inbox_with_its_day_proposed(own: World) -> None:
    make.invoice(own.account, debtor_phone=NUMBER, debtor_email="")
    reply = through_the_hook(own, "We will pay 25th")
    agent = own.logged_in(Role.AGENT)
    html = agent.get(page("communications_reply", "changelist")).content.decode()
    assert "We will pay 25th" in html
    assert reply.promised_on
    assert reply.promised_on.day == 25
    form = agent.get(act(own, reply, "promise")).content.decode()
    assert f'value="{reply.promised_on.isoformat()}"' in form


def test_what_a_reply_says_of_a_payment_is_filled_in_and_recorded(own: World) -> None:
    invoice = make.invoice(own.account, debtor_phone=NUMBER, debtor_email="")
    reply = through_the_hook(own, "Please stop these reminders, we paid AED 1,250 yesterday, ref FT-9")
    agent = own.logged_in(Role.AGENT)
    shown = agent.get(page("communications_reply", "change", reply.pk)).content.decode()
    assert "Asks to stop" in shown
    form = agent.get(act(own, reply, "paid")).content.decode()
    yesterday = own.account.today() - dt.timedelta(days=1)
    for value in ("1250.00", "FT-9", yesterday.isoformat()):
        assert f'value="{value}"' in form
    said = {"invoice": str(invoice.pk), "amount": "1250", "paid_at": yesterday.isoformat(), "reference": "FT-9"}
    assert agent.post(act(own, reply, "paid"), said).status_code == 302
    assert Payment.objects.get(invoice=invoice).amount == 1250


def test_an_automatic_opt_out_is_marked_and_undone_from_its_page_with_a_reason(own: World) -> None:
    reply = through_the_hook(own, "STOP")
    agent = own.logged_in(Role.AGENT)
    listed = agent.get(page("communications_reply", "changelist") + "?took_effect__exact=1").content.decode()
    assert "Opted out automatically" in listed
    change = page("communications_reply", "change", reply.pk)
    assert f"Opted out automatically: nothing is sent to {NUMBER} by SMS." in agent.get(change).content.decode()
    undo = act(own, reply, "undo_stop")
    with nothing_changes(own):
        assert agent.post(undo, {"reason": " "}).status_code == 200
    assert agent.post(undo, {"reason": "They meant the delivery."}).status_code == 302
    assert Address.objects.get(account=own.account, address=NUMBER).opted_out_at is None
    html = agent.get(change).content.decode()
    assert "was undone." in html
    assert undo not in html


def test_a_request_among_other_words_is_confirmed_by_a_person(own: World) -> None:
    reply = through_the_hook(own, "Stop calling drivers about this, call the office")
    agent = own.logged_in(Role.AGENT)
    assert agent.post(act(own, reply, "stop")).status_code == 302
    reply.refresh_from_db()
    assert (reply.status, reply.took_effect, replies.is_opted_out(reply)) == ("confirmed", False, True)


def test_a_reply_that_nobody_could_read_is_shown_like_any_other(own: World) -> None:
    reply = through_the_hook(own, "\u202e\u2067" + "ت" * 200_000)
    Reply.objects.filter(pk=reply.pk).update(triage="other", read_at=None)
    agent = own.logged_in(Role.AGENT)
    for where in (page("communications_reply", "changelist"), page("communications_reply", "change", reply.pk)):
        answer = agent.get(where)
        assert answer.status_code == 200
        assert "تتتت" in answer.content.decode()
