"""The timeline is stored in English and told in the reader's language."""

import datetime as dt
import re

import pytest
from django.utils import translation

from inflow.dashboard.templatetags import narration
from invoices import lifecycle, narrative
from invoices.cases import cases
from invoices.debtors import debtors
from invoices.models import Status, TimelineEntry
from tests import make
from tests.dashboard import reading

pytestmark = pytest.mark.django_db


def test_what_happens_to_an_invoice_is_told_in_arabic() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=100, debtor_email="pay@falcon.example")
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.amount / 4)
    lifecycle.promise(account, invoice.pk, make.STAFF, account.today() + dt.timedelta(days=3))
    cases.open_manually(account, invoice.pk, make.STAFF)
    lifecycle.change(account, invoice.pk, make.STAFF, status=Status.DISPUTED, notes="They said no.")
    debtors.opt_out(account, invoice.debtor_id, make.STAFF)
    lifecycle.change(account, invoice.pk, make.STAFF, status=Status.CANCELLED)
    entries = list(TimelineEntry.objects.filter(invoice=invoice))
    assert len(entries) > 8
    with translation.override("ar"):
        for entry in entries:
            assert entry.stored_text == ""
            assert list(reading.latin(narration.sentence(entry).replace("bdi", "b"), "b", "AED")) == [], entry.kind


def test_what_is_stored_is_english_whatever_the_reader_speaks() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=100)
    with translation.override("ar"):
        case = cases.open_manually(account, invoice.pk, make.STAFF)
        lifecycle.change(account, invoice.pk, make.STAFF, status=Status.DISPUTED)
    assert case.pk == invoice.pk
    texts = " ".join(map(narrative.in_english, TimelineEntry.objects.filter(invoice=invoice)))
    assert "Escalated to level 1: opened manually." in texts
    assert texts.isascii() or "→" in texts


def test_reasons_that_the_system_gives_are_in_the_readers_language_and_those_of_people_as_written() -> None:
    account = make.account()
    invoice = make.invoice(account, amount=100)
    because = narrative.Because("books", day=dt.date(2026, 3, 1))
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.amount / 4, reason=because)
    lifecycle.record_payment(account, invoice.pk, make.STAFF, amount=invoice.amount / 5, reason="<b>Paid</b>")
    by_system, by_person = TimelineEntry.objects.filter(invoice=invoice, kind="payment_recorded").order_by("id")
    assert by_system.reason == "As in the books on 2026-03-01."
    with translation.override("ar"):
        shown = narration.reason(by_system)
        assert translation.gettext("As in the books on %(day)s.").partition("%")[0] in shown
        assert "2026-03-01" not in shown
        assert narration.reason(by_person) == "<bdi>&lt;b&gt;Paid&lt;/b&gt;</bdi>"
    by_system.params = {}  # an older entry
    assert "As in the books on 2026-03-01." in narration.reason(by_system)


def test_contacts_and_metadata_are_not_shown_as_they_are_stored() -> None:
    after = {"metadata": {"a": "b"}, "contacts": [{"email": "x@y.example"}], "tags": ["vip", "north"]}
    entry = TimelineEntry(kind="changed", before={"tags": []}, after=after)
    shown = narration.sentence(entry)
    assert "{" not in shown
    assert "Metadata changed" in shown
    assert "vip, north" in shown


def test_an_entry_without_parameters_is_shown_as_it_is_stored_and_escaped() -> None:
    entry = TimelineEntry(stored_text="<b>Something</b> else happened.", kind="sent")
    with translation.override("ar"):
        assert narration.sentence(entry) == "<bdi>&lt;b&gt;Something&lt;/b&gt; else happened.</bdi>"


SAMPLE_PARAMS: dict[str, object] = {
    "amount": {"amount": "25000.00", "currency": "AED"},
    "whole": {"amount": "35000.00", "currency": "AED"},
    "day": "2026-04-06",
    "moment": "2026-04-06T05:00:00Z",
    "zone": "Asia/Dubai",
    "level": 2,
    "number": 3,
    "address": "pay@falcon.example",
    "message": "final_notice",
    "medium": "whatsapp",
    "because": "hold",
    "cause": "no_step",
    "closed": "paid",
    "release": "resumed",
    "decision": "person",
    "language": "en",
    "case": "policy_step",
    "resolution": "hold",
    "contact": "email",
    "old": "old@falcon.example",
    "new": "pay@falcon.example",
    "file": "INV-7.pdf",
    "dispute_reason": "كمية خاطئة",
    "dispute_outcome": "rejected",
    "count": 3,
    "policy": "Standard",
    "outcome": "reached",
    "provider": "hmac",
    "report": "refund",
}


@pytest.mark.parametrize(("kind", "sentence"), narrative.sentences())
def test_each_sentence_has_words_for_its_parameters_in_both_languages(kind: str, sentence: object) -> None:
    names = re.findall(r"%\((\w+)\)s", str(sentence))
    entry = TimelineEntry(kind=kind, params={name: SAMPLE_PARAMS[name] for name in names})
    english = narrative.in_english(entry)
    assert english
    assert "%" not in english
    shown = english.replace("2026-04-06 09:00", "6 Apr 2026, 09:00").replace("2026-04-06 05:00", "6 Apr 2026, 05:00")
    shown = shown.replace("2026-04-06", "6 Apr 2026")
    assert narration.sentence(entry).replace("<bdi>", "").replace("</bdi>", "") == shown
    with translation.override("ar"):
        shown = narration.sentence(entry).replace("<bdi>", "").replace("</bdi>", "")
        assert list(reading.latin(shown, "Asia/Dubai")) == []
