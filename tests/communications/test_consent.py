"""Who opted out stays out, whatever is imported; and the log says who said what, for good."""

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from communications.contacts import addresses, consent
from communications.delivery import sender
from communications.inbound.triage import classification
from communications.models import Address, ConsentEntry, Triage
from communications.portal import links
from inflow.accounts.actors import DEBTOR
from inflow.accounts.models import Account
from invoices.models import Debtor, Invoice, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.mailserver import MailServer
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", " Stop! ", "Stop.", "STOPALL", "Stop all", "UNSUBSCRIBE", "Please stop", "stop, thank you"),
        *("Stop messages", "please stop sending me messages", "Opt-out", "STOP 🙏", "ＳＴＯＰ", "Cancel", "quit"),
        *("إيقاف", "ايقاف", "إيـقـاف", "إِيقَافٌ", "الغاء", "إلغاء", "إلغاء الاشتراك", "الغاء الإشتراك", "توقف", "توقّف"),
        *("توقف من فضلك", "الرجاء الإيقاف", "أوقفوا الرسائل", "اوقفوا الرسايل", "لا تراسلوني", "قف", "كفى", "ستوب"),
        *("\u200fإيقاف\u200f", "ايقاف!!!"),
    ],
)
def test_a_wish_to_be_left_alone_is_understood(text: str) -> None:
    assert classification.read(text, dt.date(2026, 3, 2)).triage == Triage.STOP, text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "👍",
            "Thanks",
            "I will pay on Sunday",
            "We stop work on Friday, call tomorrow",
            "Don't stop the delivery",
        ),
        *("Please do not cancel the order", "nonstop", "Stopover", "When does it end?", "sent yesterday"),
        *(
            "سأدفع يوم الأحد",
            "توقف العمل لدينا اليوم وسندفع غدا",
            "تم الدفع",
            "لم نوقف الطلب",
            "الغاء الفاتورة رقم 7 خطأ",
        ),
    ],
)
def test_other_words_are_no_such_wish(text: str) -> None:
    assert classification.read(text, dt.date(2026, 3, 2)).triage != Triage.STOP, text


def test_an_opt_out_is_logged_once_and_told_on_the_timeline(account: Account) -> None:
    invoice = make.invoice(account, debtor_email="Ahmed@GulfTrading.example")
    assert addresses.opt_out(account, "email", "AHMED@gulftrading.example ", account.now(), text="Stop!")
    assert not addresses.opt_out(account, "email", "ahmed@gulftrading.example", account.now(), text="Again")
    entry = ConsentEntry.objects.get()
    assert (entry.debtor, entry.channel, entry.address) == (invoice.debtor, "email", "ahmed@gulftrading.example")
    assert (entry.what, entry.source, entry.text, entry.actor) == ("opted_out", "email", "Stop!", "debtor")
    told = TimelineEntry.objects.get(invoice=invoice, kind="opted_out")
    assert (told.actor, told.reason) == ("debtor", "Stop!")


@pytest.mark.parametrize(("channel", "source"), [("sms", "sms"), ("whatsapp", "whatsapp"), ("email", "email")])
def test_the_source_is_the_channel_unless_it_is_said(account: Account, channel: str, source: str) -> None:
    addresses.opt_out(account, channel, "+971501234567", account.now())
    assert ConsentEntry.objects.get().source == source


def test_an_import_never_brings_an_address_back(account: Account, mail: MailServer) -> None:
    first = make.overdue_invoice(account, place=make.open_place())
    addresses.opt_out(account, "email", first.debtor_email, account.now())
    log = list(ConsentEntry.objects.values())
    again = make.overdue_invoice(account, place=make.open_place(), debtor_email=first.debtor_email.upper())
    make.reminder_due(again)
    sender.send_due()
    assert mail.mails == []
    assert Address.objects.get().opted_out_at is not None
    assert list(ConsentEntry.objects.values()) == log


def test_who_left_for_good_stays_away_also_under_another_name(account: Account) -> None:
    invoice = make.invoice(account, debtor_phone="+971501234567")
    consent.opt_out(invoice.debtor, "", DEBTOR, "page")
    known = {(entry.channel, entry.address) for entry in ConsentEntry.objects.all()}
    assert known == {
        ("", ""),
        ("email", "ahmed@gulftrading.example"),
        ("sms", "+971501234567"),
        ("whatsapp", "+971501234567"),
    }
    same = make.invoice(account)
    assert make.again(same).debtor.opted_out_at is not None
    other = make.invoice(account, debtor_email="new@example.com", debtor_phone="+971501234567")
    assert addresses.choose(make.again(other), ["email"]).address == "new@example.com"
    assert Address.objects.get(channel="sms", address="+971501234567").opted_out_at is not None


def test_the_log_can_not_be_changed(account: Account) -> None:
    addresses.opt_out(account, "email", "someone@example.com", account.now())
    for sql in ("UPDATE communications_consententry SET text = ''", "DELETE FROM communications_consententry"):
        with (
            nothing_happens(account),
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_nobody_is_brought_back_without_a_reason(account: Account, reason: str) -> None:
    invoice = make.invoice(account)
    consent.opt_out(invoice.debtor, "", DEBTOR, "page")
    with nothing_happens(account):
        with pytest.raises(Refused):
            consent.restore_debtor(invoice.debtor, make.STAFF, reason)
        with pytest.raises(Refused):
            consent.restore_address(Address.objects.get(), make.STAFF, reason)


def test_a_person_brings_a_debtor_back_with_a_reason_in_the_log(account: Account) -> None:
    invoice = make.invoice(account)
    consent.opt_out(invoice.debtor, "", DEBTOR, "page")
    consent.restore_debtor(invoice.debtor, make.STAFF, "Called us on Monday.")
    assert Debtor.objects.get().opted_out_at is None
    assert Address.objects.get().opted_out_at is None
    back = ConsentEntry.objects.filter(what="opted_in")
    assert {(entry.channel, entry.text, entry.actor, entry.source) for entry in back} == {
        ("", "Called us on Monday.", make.STAFF.name, "staff"),
        ("email", "Called us on Monday.", make.STAFF.name, "staff"),
    }
    with nothing_happens(account), pytest.raises(Refused):
        consent.restore_debtor(invoice.debtor, make.STAFF, "Once more.")


def test_a_person_brings_one_address_back(account: Account) -> None:
    invoice = make.invoice(account)
    consent.opt_out(invoice.debtor, "email", DEBTOR, "page")
    assert addresses.choose(make.again(invoice), ["email"]).missing == "opted_out"
    consent.restore_address(Address.objects.get(), make.STAFF, "Asked for invoices by mail again.")
    assert addresses.choose(make.again(invoice), ["email"]).missing == ""
    assert TimelineEntry.objects.get(invoice=invoice, kind="opted_in").reason == "Asked for invoices by mail again."
    with nothing_happens(account), pytest.raises(Refused):
        consent.restore_address(Address.objects.get(), make.STAFF, "Once more.")


def test_an_opt_out_in_one_account_is_none_in_another(account: Account) -> None:
    other = make.account("Sandfox")
    mine, theirs = make.invoice(account), make.invoice(other)
    with nothing_happens(other):
        addresses.opt_out(account, "email", mine.debtor_email, account.now())
        consent.opt_out(mine.debtor, "", DEBTOR, "page")
    assert addresses.choose(make.again(theirs), ["email"]).missing == ""


# --- One click ---------------------------------------------------------------------------------------------------


def test_one_click_opts_out_without_a_page_a_cookie_or_a_person(mail: MailServer, visitor: Client) -> None:
    account = make.account()
    message = make.sent_reminder(account)
    target = mail.mails[0]["List-Unsubscribe"].strip(" <>")
    answer = visitor.post(target, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert Address.objects.get(account=account, channel="email", address=message.recipient).opted_out_at is not None
    entry = ConsentEntry.objects.get()
    assert (entry.source, entry.address) == ("unsubscribe", message.recipient)
    assert message.subject in entry.text
    with nothing_happens(account):
        assert visitor.post(target).status_code == 200


def test_a_look_at_the_unsubscribe_page_changes_nothing(visitor: Client) -> None:
    account = make.account(is_test=True)
    message = make.sent_reminder(account)
    with nothing_happens(account):
        for language in ("en", "ar"):
            html = visitor.get(links.unsubscribe_url(message), {"lang": language}).content.decode()
            assert f'<html lang="{language}"' in html
            assert message.recipient in html
            assert "<button" in html
    assert visitor.post(links.unsubscribe_url(message), {"lang": "ar"}).status_code == 200
    assert Address.objects.get(account=account).opted_out_at is not None


def test_the_unsubscribe_link_opens_no_page_and_says_nothing_else(visitor: Client) -> None:
    account = make.account(is_test=True)
    message = make.sent_reminder(account)
    token = links.unsubscribe_url(message).rpartition("/")[2]
    with nothing_happens(account):
        for kind in ("", "/paid", "/promise", "/dispute", "/stop", "/statement.pdf"):
            assert visitor.get(f"/p/{token}{kind}").status_code in (404, 405)
        for place in range(len(token)):
            altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert visitor.post(f"/p/unsubscribe/{altered}").status_code == 404
    assert not Invoice.objects.filter(status="disputed").exists()
