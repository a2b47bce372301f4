"""No answer is lost: it is stored before it is read, holds messages, and waits for a person whatever is read in it."""

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from communications.contacts import addresses
from communications.delivery import sender
from communications.inbound import replies
from communications.inbound.triage import classification
from communications.models import Address, Communication, ConsentEntry, Gateway, Reply
from communications.portal import answers
from inflow.accounts.models import Account
from invoices.cases import cases
from invoices.debtors import debtors
from invoices.models import Debtor, Escalation, Invoice, TimelineEntry
from invoices.writing import Refused
from tests import make
from tests.communications.provider import PHONE, Provider, due_message, say
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider(settings: Settings) -> Iterator[Provider]:
    settings.TRY_OUT = True
    with Provider() as provider:
        yield provider


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def gateway(account: Account, provider: Provider) -> Gateway:
    return make.gateway(account, base_url=provider.base_url)


@pytest.fixture
def sent(account: Account, gateway: Gateway) -> Communication:
    due_message(account)
    assert sender.send_due() == 1
    row: Communication = Communication.objects.get()
    return row


def the_reply() -> Reply:
    reply: Reply = Reply.objects.select_related("account", "debtor", "communication").get()
    return reply


def debtor_of(row: Communication) -> Debtor:
    return make.again(row.invoice).debtor


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("We will pay 25th", "promise"),
        ("1st", "promise"),
        ("2nd reminder? We paid already", "paid"),
        ("سندفع 25th", "promise"),
    ],
)
def test_an_ordinal_is_read(gateway: Gateway, sent: Communication, text: str, what: str) -> None:
    assert say(gateway, text) == 200
    reply = the_reply()
    assert (reply.triage, reply.text) == (what, text)
    day = reply.promised_on.day if reply.promised_on else None
    assert day is None if what == "paid" else day in (1, 25)
    assert debtor_of(sent).answered_at == reply.received_at


@pytest.mark.properties
@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b",
        "",
        " ",
        "🙏🏽" * 700,
        "\u202e\u2067دفع\u200f",
        "x" * 1_000_000,
        "ت" * 500_000,
        "\n" * 50_000,
        "31/02 99th",
    ],
)
def test_any_text_is_stored_and_holds_messages(gateway: Gateway, sent: Communication, text: str) -> None:
    assert say(gateway, text) == 200
    reply = the_reply()
    assert reply.whole_text == text.replace("\x00", "")
    assert reply.status == "proposed"
    assert debtor_of(sent).answered_at is not None


def test_lone_surrogates_are_left_out(account: Account, sent: Communication) -> None:
    assert replies.receive(account, "sms", PHONE, "paid \ud83d ok \udc00", "SM\ud800")
    assert (the_reply().text, the_reply().triage) == ("paid  ok", "paid")


def test_a_reader_that_fails_makes_it_other_and_loses_nothing(
    account: Account, gateway: Gateway, sent: Communication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> classification.Reading:
        raise RecursionError("too deep")

    monkeypatch.setattr(classification, "read", fail)
    assert say(gateway, "STOP, we paid") == 200
    reply = the_reply()
    assert (reply.triage, reply.status, reply.text) == ("other", "proposed", "STOP, we paid")
    assert debtor_of(sent).answered_at is not None
    assert TimelineEntry.objects.get(kind="answered").reason == "STOP, we paid"
    assert not Address.objects.filter(opted_out_at__isnull=False).exists()
    due_message(account)
    assert sender.send_due() == 0


def test_an_answer_that_was_stored_and_not_read_is_read_when_it_comes_again(
    gateway: Gateway, sent: Communication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died in between; the gateway, without our answer, calls again."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> classification.Reading:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(classification, "read", die)
        with pytest.raises(Killed):
            say(gateway, "I paid", sid="SM1")
    assert (the_reply().triage, the_reply().read_at) == ("other", None)
    assert debtor_of(sent).answered_at is not None
    assert [say(gateway, "I paid", sid="SM1") for _ in range(2)] == [200, 200]
    assert (the_reply().triage, debtor_of(sent).unhandled_answers) == ("paid", 1)
    assert TimelineEntry.objects.filter(kind="answered").count() == 1


def test_what_was_found_stands_on_the_reply(gateway: Gateway, sent: Communication) -> None:
    say(gateway, "Please stop these reminders, we transferred AED 12,500 yesterday, ref FT-77")
    reply = the_reply()
    assert (reply.triage, reply.status, reply.reference) == ("paid", "proposed", "FT-77")
    assert reply.amount == 12_500
    assert reply.paid_on == reply.account.today() - dt.timedelta(days=1)
    assert (reply.asks_to_stop, reply.took_effect) == (True, False)
    assert not Address.objects.filter(opted_out_at__isnull=False).exists()


# --- Stop -----------------------------------------------------------------------------------------------------------


def test_a_request_to_stop_among_other_words_waits_for_a_person(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "Stop calling drivers about this, call the office")
    reply = the_reply()
    assert (reply.triage, reply.status, reply.took_effect) == ("stop", "proposed", False)
    assert debtor_of(sent).answered_at is not None
    replies.confirm_stop(reply, make.STAFF)
    assert Address.objects.get().opted_out_at is not None
    assert (reply.status, reply.handled_by, reply.took_effect) == ("confirmed", make.STAFF.name, False)
    assert debtor_of(sent).answered_at is None


def test_an_automatic_opt_out_is_shown_as_one_and_can_be_undone_with_a_reason(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    say(gateway, "STOP")
    reply = the_reply()
    assert (reply.took_effect, reply.status, replies.is_opted_out(reply)) == (True, "confirmed", True)
    assert debtor_of(sent).unhandled_answers == 0
    with nothing_happens(account), pytest.raises(Refused):
        replies.undo_opt_out(reply, make.STAFF, "")
    replies.undo_opt_out(reply, make.STAFF, "Meant the delivery.")
    assert Address.objects.get().opted_out_at is None
    assert (reply.status, reply.handled_by, reply.took_effect) == ("dismissed", make.STAFF.name, True)
    assert list(ConsentEntry.objects.order_by("id").values_list("what", "text")) == [
        ("opted_out", "STOP"),
        ("opted_in", "Meant the delivery."),
    ]
    assert addresses.choose(make.again(sent.invoice), ["sms"]).missing == ""
    with nothing_happens(account), pytest.raises(Refused):
        replies.undo_opt_out(reply, make.STAFF, "Again.")


def test_an_older_answer_that_waits_still_holds_after_an_opt_out(gateway: Gateway, sent: Communication) -> None:
    say(gateway, "The goods arrived damaged")
    first = the_reply()
    say(gateway, "STOP")
    assert debtor_of(sent).answered_at == first.received_at


# --- One answer after another ---------------------------------------------------------------------------------------


def test_each_answer_holds_messages_anew(account: Account, gateway: Gateway, sent: Communication) -> None:
    say(gateway, "ok", sid="SM1")
    first = the_reply()
    say(gateway, "hello?", sid="SM2")
    second = Reply.objects.select_related("account").get(provider_id="SM2")
    assert debtor_of(sent).answered_at == second.received_at > first.received_at
    replies.dismiss(second, make.STAFF)
    assert debtor_of(sent).answered_at == first.received_at
    replies.dismiss(first, make.STAFF)
    assert (debtor_of(sent).answered_at, debtor_of(sent).unhandled_answers) == (None, 0)


def test_answers_on_the_page_hold_messages_anew_too(account: Account, gateway: Gateway, sent: Communication) -> None:
    say(gateway, "ok")
    reply = the_reply()
    answers.report_payment(debtor_of(sent), [sent.invoice_id], account.today(), "FT-1")
    answered_at = debtor_of(sent).answered_at
    assert answered_at
    assert answered_at > reply.received_at
    assert debtor_of(sent).unhandled_answers == 2


def test_the_third_answer_that_nobody_handles_opens_an_escalation_once(
    account: Account, gateway: Gateway, sent: Communication
) -> None:
    oldest = make.again(
        make.overdue_invoice(account, debtor_phone=PHONE, debtor_email="", due_date=dt.date(2020, 1, 1))
    )
    assert oldest.debtor == debtor_of(sent)
    for number in range(2):
        say(gateway, f"hello {number}")
    assert not Escalation.objects.exists()
    say(gateway, "anybody there?")
    case = Escalation.objects.get()
    assert (case.invoice, case.level, case.reason) == (oldest, 1, "unread_replies")
    say(gateway, "hello again")
    replies.dismiss(Reply.objects.select_related("account").filter(status="proposed").latest("received_at"), make.STAFF)
    say(gateway, "still here")
    assert Escalation.objects.count() == 1
    assert TimelineEntry.objects.filter(kind="escalation_joined").count() == 0


def test_an_answer_to_a_message_about_several_invoices_is_about_the_one_it_names_first(
    account: Account, gateway: Gateway
) -> None:
    """Whatever their random ids."""
    for number in ("INV-C", "INV-A", "INV-D", "INV-B", "INV-E"):
        due_message(account, invoice_number=number, due_date=account.today() - dt.timedelta(days=10))
    assert sender.send_due() == 1
    say(gateway, "hello")
    row = the_reply().communication
    assert row is not None
    assert row.invoice.invoice_number == "INV-A"


def test_of_invoices_that_fell_due_together_the_first_by_number_has_the_escalation(account: Account) -> None:
    """Whatever their random ids."""
    for _ in range(5):
        invoices = [
            make.invoice(account, due_date=dt.date(2026, 1, 5), issue_date=dt.date(2025, 12, 1), debtor_email=email)
            for email in [f"{uuid.uuid4().hex}@example.com"] * 3
        ]
        for _ in range(3):
            debtors.record_reply(account, invoices[0].debtor_id, make.STAFF)
        case = Escalation.objects.get(invoice__debtor=invoices[0].debtor_id)
        assert case.invoice_id == min(invoices, key=lambda each: each.invoice_number).pk


def test_a_new_row_of_unread_answers_opens_a_new_case(account: Account, gateway: Gateway, sent: Communication) -> None:
    for _ in range(3):
        say(gateway, "hello")
    Escalation.objects.update(status="resolved", resolution="hold", resolved_at=account.now())
    for reply in Reply.objects.select_related("account"):
        replies.dismiss(reply, make.STAFF)
    for _ in range(3):
        say(gateway, "hello")
    assert Escalation.objects.filter(reason="unread_replies").count() == 2


def test_two_answers_between_which_a_person_reads_open_nothing(gateway: Gateway, sent: Communication) -> None:
    for _ in range(4):
        say(gateway, "hello")
        replies.dismiss(Reply.objects.select_related("account").get(status="proposed"), make.STAFF)
    assert not Escalation.objects.exists()


def test_one_form_about_many_invoices_is_one_answer(account: Account) -> None:
    invoices: list[Invoice] = [make.again(make.overdue_invoice(account)) for _ in range(4)]
    answers.report_payment(invoices[0].debtor, [invoice.pk for invoice in invoices], account.today(), "FT-1")
    assert make.again(invoices[0]).debtor.unhandled_answers == 1
    answers.dismiss(invoices[0].answers.get(), make.STAFF, reason="Not found.")
    assert make.again(invoices[0]).debtor.unhandled_answers == 1
    assert not Escalation.objects.exists()


def test_an_answer_that_joins_an_open_case_says_so_once(account: Account) -> None:
    invoice = make.again(make.overdue_invoice(account))
    cases.open_manually(account, invoice.pk, make.STAFF)
    for _ in range(5):
        debtors.record_reply(account, invoice.debtor_id, make.STAFF, text="hello")
    assert Escalation.objects.count() == 1
    assert TimelineEntry.objects.filter(kind="escalation_joined").count() == 1
