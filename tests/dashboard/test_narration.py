"""The timeline is stored in English and told in the reader's language."""

import datetime as dt

import pytest
from django.utils import translation

from communications import reasons
from inflow.dashboard.templatetags import narration
from invoices import cases, debtors, lifecycle
from invoices.models import Status, TimelineEntry
from tests import make
from tests.dashboard import reading

pytestmark = pytest.mark.django_db
SAMPLES = {
    "amount": "AED 25,000.00",
    "day": "2026-04-06",
    "moment": "2026-04-06 09:00",
    "zone": "Asia/Dubai",
    "level": "2",
    "number": "3",
    "address": "pay@falcon.example",
    "word": "Final notice",
    "state": "delivered",
    "medium": "WhatsApp",
    "because": "the invoice is on hold",
}


@pytest.mark.parametrize("form", narration.FORMS)
def test_each_sentence_is_found_again_and_told_in_arabic(form: str) -> None:
    entry = TimelineEntry(text=form % SAMPLES, kind="sent")
    assert narration.told(entry) == entry.text
    with translation.override("ar"):
        told = narration.told(entry)
        assert told != f"<bdi>{entry.text}</bdi>"
        assert list(reading.latin(told.replace("<bdi>", "").replace("</bdi>", ""), "Asia/Dubai")) == []


@pytest.mark.parametrize("code", reasons.WORDS)
def test_why_a_message_was_not_sent_is_told_in_arabic(code: str) -> None:
    entry = TimelineEntry(text=f"Reminder not sent: {code.replace('_', ' ')}.", kind="suppressed")
    with translation.override("ar"):
        assert list(reading.latin(narration.told(entry).replace("bdi", "b"))) == []


def test_what_happens_to_an_invoice_is_told_in_arabic() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=100, debtor_email="pay@falcon.example")
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.amount / 4)
    lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + dt.timedelta(days=3))
    cases.open_by_hand(account, invoice.pk, make.STAFF)
    lifecycle.change(account, invoice.pk, make.STAFF, status=Status.DISPUTED, notes="They said no.")
    debtors.opt_out(account, invoice.debtor_id, make.STAFF)
    lifecycle.change(account, invoice.pk, make.STAFF, status=Status.CANCELLED)
    entries = list(TimelineEntry.objects.filter(invoice=invoice))
    assert len(entries) > 8
    with translation.override("ar"):
        for entry in entries:
            assert narration.told(entry) != f"<bdi>{entry.text}</bdi>", entry.text


def test_what_is_stored_is_english_whatever_the_reader_speaks() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=100)
    with translation.override("ar"):
        case = cases.open_by_hand(account, invoice.pk, make.STAFF)
        lifecycle.change(account, invoice.pk, make.STAFF, status=Status.DISPUTED)
    assert case.pk == invoice.pk
    texts = " ".join(TimelineEntry.objects.filter(invoice=invoice).values_list("text", flat=True))
    assert "Escalated to level 1: by hand." in texts
    assert texts.isascii() or "→" in texts


def test_a_sentence_of_nobodys_is_shown_as_it_is_stored_and_escaped() -> None:
    entry = TimelineEntry(text="<b>Something</b> else happened.", kind="sent")
    with translation.override("ar"):
        assert narration.told(entry) == "<bdi>&lt;b&gt;Something&lt;/b&gt; else happened.</bdi>"


def test_what_a_sentence_quotes_is_escaped() -> None:
    entry = TimelineEntry(text="Message was refused for <script>.", kind="failed")
    with translation.override("ar"):
        assert "<script>" not in narration.told(entry)
