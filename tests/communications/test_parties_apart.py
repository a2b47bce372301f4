"""Two parties, one mailbox: each is written to by itself, and neither learns of the other."""

import datetime as dt
import re
import uuid
from email.message import EmailMessage
from typing import Literal

import pytest
from django.test import Client
from django.utils import timezone

from communications.contacts import addresses, consent
from communications.delivery import sender
from communications.engine import clock
from communications.inbound import replies
from communications.inbound.inbox import Mail
from communications.models import Address, Communication, ConsentEntry
from communications.portal import links, statement, texts
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices import ledger, lifecycle, narrative
from invoices.debtors import debtor_parties, debtors
from invoices.errors import Refused
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.communications.test_page import Page
from tests.dashboard.world import build
from tests.dashboard.world import page as dashboard_page
from tests.mailserver import MailServer
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MAILBOX, PHONE, OTHER_PHONE = "books@gmail.com", "+971501234567", "+971509999999"


def late(account: Account, company: str, number: str, **given: str) -> Invoice:
    given = {"debtor_email": MAILBOX, "debtor_name": f"{company} accounts"} | given
    return make.overdue_invoice(
        account,
        place=make.open_place(),
        invoice_number=number,
        debtor_company=company,
        **given,  # type: ignore[arg-type]
    )


def joined(account: Account) -> tuple[Invoice, Invoice]:
    """Alpha's and Beta's invoice, of one debtor, as one mailbox joined them before."""
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    Invoice.objects.filter(pk=beta.pk).update(debtor=alpha.debtor_id)
    Communication.objects.filter(invoice=beta).update(debtor=alpha.debtor_id)
    return make.again(alpha), make.again(beta)


def send_all(account: Account) -> list[Communication]:
    """Everything that is planned now, each message once, the limits of contact aside."""
    for _ in range(6):
        past = timezone.now() - dt.timedelta(days=8)
        Communication.objects.filter(sent_at__isnull=False).update(sent_at=past)
        Communication.objects.filter(status="scheduled").update(scheduled_for=timezone.now() - dt.timedelta(seconds=1))
        if not sender.send_due():
            break
    return list(Communication.objects.for_account(account).filter(sent_at__isnull=False).select_related("invoice"))


def test_two_invoices_with_one_mailbox_and_two_companies_are_two_messages_and_two_pages(
    account: Account, mail: MailServer, visitor: Client
) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    assert alpha.debtor_id != beta.debtor_id
    for invoice in (alpha, beta):
        make.reminder_due(invoice)
    assert sender.send_due() == 2
    _tells_of_one_each(mail, visitor)


def test_a_debtor_with_two_parties_gets_two_messages_and_has_two_pages(
    account: Account, mail: MailServer, visitor: Client
) -> None:
    joined(account)
    send_all(account)
    _tells_of_one_each(mail, visitor)


def part_of(sent: EmailMessage, kind: Literal["plain", "html"]) -> str:
    part = sent.get_body((kind,))
    assert part
    return str(part.get_content())


def _tells_of_one_each(mail: MailServer, visitor: Client) -> None:
    assert len(mail.mails) == 2
    for sent in mail.mails:
        text = part_of(sent, "plain")
        whole = f"{sent['Subject']} {text} {part_of(sent, 'html')}"
        own, other = ("ALPHA", "BETA") if "ALPHA-1" in whole else ("BETA", "ALPHA")
        assert f"{own}-1" in whole
        assert other not in whole.upper()
        path = re.search(r"http://testserver(/p/[^\s<]+)", text)
        assert path
        html = visitor.get(path[1]).content.decode()
        assert f"{own}-1" in html
        assert other not in html.upper()


def test_a_link_without_a_party_does_not_open_the_page_of_several(account: Account, visitor: Client) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    old = links.page_url(make.again(alpha).debtor, "en")
    assert visitor.get(old).status_code == 200
    Invoice.objects.filter(pk=beta.pk).update(debtor=alpha.debtor_id)
    answer = visitor.get(old)
    assert answer.status_code == 404
    assert b"newest message" in answer.content
    own = links.page_url(make.again(alpha).debtor, "en", alpha.party)
    assert visitor.get(own).status_code == 200
    assert visitor.get(links.page_url(make.again(alpha).debtor, "en", "nobody|")).status_code == 404


def test_the_page_answers_for_its_own_party_alone(account: Account, visitor: Client) -> None:
    alpha, beta = joined(account)
    page = Page(visitor, alpha.debtor)
    page.path = links.page_url(alpha.debtor, "en", alpha.party).removeprefix("http://testserver")
    assert page.say("dispute", invoices=beta.pk, why="not ours")[0] == 422
    assert make.again(beta).status == "overdue"
    assert page.say("dispute", invoices=alpha.pk, why="not ours")[0] == 302
    assert (make.again(alpha).status, make.again(beta).status) == ("disputed", "overdue")
    assert page.say("stop", channel="all")[0] == 302
    assert make.again(alpha).debtor.opted_out_at is None  # Beta did not ask for it
    assert Address.objects.get(channel="email", address=MAILBOX).opted_out_at  # but the mailbox is one


def test_statements_are_of_one_party(account: Account) -> None:
    alpha, _beta = joined(account)
    parties = debtor_parties.of(alpha.debtor)
    shown = {str(party): statement.context(alpha.debtor, texts.of("en"), party) for party in parties}
    numbers = {
        name: [row.number for ledger in context["ledgers"] for row in ledger.rows] for name, context in shown.items()
    }
    assert numbers == {"Alpha LLC accounts, Alpha LLC": ["ALPHA-1"], "Beta LLC accounts, Beta LLC": ["BETA-1"]}
    assert shown["Beta LLC accounts, Beta LLC"]["debtor"].company == "Beta LLC"


def test_the_credit_of_one_party_pays_no_invoice_of_another(account: Account) -> None:
    alpha, beta = joined(account)
    lifecycle.record_payment(account, alpha.pk, make.STAFF, amount=alpha.balance + beta.balance)
    with nothing_happens(account), pytest.raises(Refused, match="no credit"):
        ledger.apply_credit(account, beta.pk, make.STAFF, key=uuid.uuid4())
    (shown,) = (
        statement.context(alpha.debtor, texts.of("en"), party)["ledgers"][0].balance
        for party in debtor_parties.of(alpha.debtor)
        if beta.party in party.keys
    )
    assert shown == f"AED {beta.balance:,.2f}"


@pytest.mark.skipif(not statement.is_available(), reason="the extra pdf is not installed")
def test_staff_take_the_statement_of_each_party() -> None:
    own = build("Falcon")
    alpha, _beta = joined(own.account)
    client = own.logged_in(Role.VIEWER)
    html = client.get(dashboard_page("invoices_debtor", "change", alpha.debtor_id)).content.decode()
    found = re.findall(r'href="([^"]+statement[^"]*party=[^"]+)"', html)
    assert len(found) == 4  # two parties in two languages
    assert client.get(found[0].replace("&amp;", "&")).status_code == 200
    assert client.get(dashboard_page("invoices_debtor", "statement", alpha.debtor_id)).status_code == 404


def test_an_invoice_with_only_a_phone_is_never_emailed_to_another_party(account: Account, mail: MailServer) -> None:
    late(account, "Alpha LLC", "ALPHA-1", debtor_email="a@alpha.ae", debtor_phone=PHONE)
    late(account, "Beta LLC", "BETA-1", debtor_email="", debtor_phone=PHONE)
    late(account, "Alpha LLC", "ALPHA-2", debtor_email="", debtor_phone=PHONE)
    send_all(account)
    assert mail.recipients == ["a@alpha.ae"]
    assert "BETA-1" not in str(mail.mails[0])
    assert "ALPHA-2" not in str(mail.mails[0])


def test_each_invoice_goes_to_the_phone_it_was_given(account: Account) -> None:
    make.gateway(account, "sms")
    first = make.invoice(account, debtor_email="", debtor_phone=PHONE)
    second = make.invoice(account, debtor_email="a@alpha.ae", debtor_phone=OTHER_PHONE)
    third = make.invoice(account, debtor_email="b@alpha.ae", debtor_phone=PHONE)
    assert second.debtor_id == third.debtor_id
    chosen = [addresses.choose(make.again(each), ["sms"]).address for each in (first, second, third)]
    assert chosen == [PHONE, OTHER_PHONE, PHONE]


def test_invoices_with_different_recipients_are_separate_messages(account: Account, mail: MailServer) -> None:
    late(account, "Alpha LLC", "ALPHA-1", debtor_email="a@alpha.ae")
    late(account, "Alpha LLC", "ALPHA-2", debtor_email="b@alpha.ae")
    late(account, "Alpha LLC", "ALPHA-3", debtor_email="A@Alpha.ae")
    assert Debtor.objects.for_account(account).count() == 1
    send_all(account)
    told = {sent["To"]: part_of(sent, "plain") for sent in mail.mails}
    assert len(mail.mails) == 2
    assert ("ALPHA-1" in told["a@alpha.ae"], "ALPHA-3" in told["a@alpha.ae"]) == (True, True)
    assert "ALPHA-2" not in told["a@alpha.ae"]
    assert "ALPHA-2" in told["b@alpha.ae"]
    assert "ALPHA-1" not in told["b@alpha.ae"]


def test_two_spellings_of_a_mailbox_are_one_ladder() -> None:
    account = make.account(is_test=True)
    clock.set_clock(account, dt.datetime(2026, 1, 15, 8, tzinfo=dt.UTC))
    for number, email in enumerate(["books@alpha.ae", "Books@Alpha.ae", "BOOKS@ALPHA.AE."]):
        make.invoice(
            account,
            invoice_number=f"INV-{number}",
            debtor_email=email,
            issue_date=dt.date(2026, 1, 15),
            due_date=dt.date(2026, 2, 14),
        )
    clock.set_clock(account, dt.datetime(2026, 4, 1, 8, tzinfo=dt.UTC))
    sent = Communication.objects.for_account(account).filter(sent_at__isnull=False)
    assert set(sent.values_list("recipient", flat=True)) == {"books@alpha.ae"}
    assert sent.values("message_id").distinct().count() == 5
    assert sent.filter(kind="final_notice").values("message_id").distinct().count() == 1


def test_a_bounced_address_gives_way_to_another_of_the_same_party_alone(account: Account) -> None:
    alpha, beta = joined(account)
    other = late(account, "Alpha LLC", "ALPHA-2", debtor_email="b@alpha.ae")
    Invoice.objects.filter(pk=other.pk).update(debtor=alpha.debtor_id)
    Invoice.objects.filter(pk=beta.pk).update(debtor_email="b@beta.ae")

    def chosen(invoice: Invoice) -> addresses.Chosen:
        return addresses.choose(make.again(invoice), ["email"])

    assert chosen(alpha).address == MAILBOX
    addresses.mark_invalid(account, "email", MAILBOX.upper(), account.now(), "no such user")
    assert chosen(alpha).address == "b@alpha.ae"
    addresses.mark_invalid(account, "email", "b@alpha.ae", account.now(), "no such user")
    assert (chosen(alpha).address, chosen(alpha).missing) == ("", "invalid_contact")
    assert chosen(beta).address == "b@beta.ae"


def test_an_opt_out_silences_the_address_and_is_no_reason_to_take_another(account: Account) -> None:
    alpha = late(account, "Alpha LLC", "ALPHA-1", debtor_email="a@alpha.ae")
    late(account, "Alpha LLC", "ALPHA-2", debtor_email="b@alpha.ae")
    addresses.opt_out(account, "email", " A@Alpha.AE", account.now())
    assert addresses.choose(make.again(alpha), ["email"]).missing == "opted_out"


def test_an_opt_out_of_a_shared_address_is_told_to_both(account: Account) -> None:
    alpha, beta = late(account, "Alpha LLC", "ALPHA-1"), late(account, "Beta LLC", "BETA-1")
    addresses.opt_out(account, "email", MAILBOX, account.now(), text="stop")
    for invoice in (alpha, beta):
        assert addresses.choose(make.again(invoice), ["email"]).missing == "opted_out"
        assert TimelineEntry.objects.filter(invoice=invoice, kind="opted_out").count() == 1
    assert set(ConsentEntry.objects.values_list("debtor", flat=True)) == {alpha.debtor_id, beta.debtor_id}
    consent.restore_address(Address.objects.get(), make.STAFF, "They called.")
    assert addresses.choose(make.again(beta), ["email"]).address == MAILBOX
    assert TimelineEntry.objects.filter(kind="opted_in").count() == 2


def test_staff_replace_an_address_in_the_dashboard(account: Account) -> None:
    own = build("Oryx")
    invoice = late(own.account, "Alpha LLC", "ALPHA-1", debtor_email="a@alpha.ae")
    address = dashboard_page("invoices_debtor", "change", invoice.debtor_id)
    client = own.logged_in(Role.AGENT)
    html = client.get(address).content.decode()
    said = {"name": "Alpha", "company": "Alpha LLC", "email": "New@Alpha.ae", "phone": "", "language": ""}
    said |= {"time_zone": "", "country": "", "subdivision": ""}
    said |= dict(re.findall(r'name="(\S+_FORMS)" value="(\d+)"', html))
    assert client.post(address, said).status_code == 302
    assert addresses.choose(make.again(invoice), ["email"]).address == "new@alpha.ae"
    assert Communication.objects.get(invoice=invoice).recipient == "new@alpha.ae"  # the planned message
    entry = TimelineEntry.objects.get(invoice=invoice, kind="contact_replaced")
    assert narrative.in_english(entry) == "The debtor's email was replaced: a@alpha.ae → new@alpha.ae."
    assert "Replaced by staff" in client.get(address).content.decode()


def test_a_replaced_address_is_that_of_the_party_which_the_debtor_is_named_after(account: Account) -> None:
    alpha, beta = joined(account)
    debtors.replace_contact(alpha.debtor, "email", MAILBOX, "new@alpha.ae", make.STAFF)
    assert addresses.choose(make.again(alpha), ["email"]).address == "new@alpha.ae"
    assert addresses.choose(make.again(beta), ["email"]).address == MAILBOX


def test_staff_add_and_take_away_an_address(account: Account) -> None:
    invoice = make.invoice(account, debtor_email="", debtor_phone=PHONE)
    debtors.replace_contact(make.again(invoice).debtor, "email", "", "a@alpha.ae", make.STAFF)
    assert addresses.choose(make.again(invoice), ["email"]).address == "a@alpha.ae"
    debtors.replace_contact(make.again(invoice).debtor, "email", "a@alpha.ae", "", make.STAFF)
    assert addresses.choose(make.again(invoice), ["email"]).missing == "no_contact"


def test_an_answer_is_about_the_invoices_of_its_own_party(account: Account, mail: MailServer) -> None:
    alpha, beta = joined(account)
    rows = {row.invoice_id: row for row in send_all(account)}
    for invoice in (alpha, beta):
        row = rows[invoice.pk]
        reply = replies.receive(account, "email", MAILBOX, "We look into it", f"id-{row.pk}", answered=Mail(row))
        assert reply
        assert [each.pk for each in replies.open_invoices(reply)] == [invoice.pk]


def test_a_zone_that_the_phone_does_not_tell_is_said_on_the_debtor_s_page() -> None:
    own = build("Oryx")
    invoice = make.invoice(own.account, debtor_phone="+79161234567", debtor_email="a@alpha.ru")
    address = dashboard_page("invoices_debtor", "change", invoice.debtor_id)
    client = own.logged_in(Role.VIEWER)
    assert "Time zone unknown" in client.get(address).content.decode()
    Debtor.objects.filter(pk=invoice.debtor_id).update(time_zone="Europe/Moscow")
    assert "Time zone unknown" not in client.get(address).content.decode()


def test_a_text_message_from_a_number_of_two_debtors_holds_both_until_a_person_has_read_it(account: Account) -> None:
    make.gateway(account, "sms")
    alpha = late(account, "Alpha LLC", "ALPHA-1", debtor_email="", debtor_phone=PHONE)
    beta = late(account, "Beta LLC", "BETA-1", debtor_email="", debtor_phone=PHONE)
    reply = replies.receive(account, "sms", PHONE, "We paid yesterday", "SM1")
    assert reply
    assert all(make.again(each).debtor.answered_at for each in (alpha, beta))
    assert {row.waits_for for row in Communication.objects.filter(status="scheduled")} == {"answer"}
    assert len(replies.other_debtors(reply)) == (1 if reply.debtor_id else 2)
    replies.dismiss(reply, make.STAFF)
    assert not any(make.again(each).debtor.answered_at for each in (alpha, beta))


def test_an_answer_that_another_debtor_s_number_sent_before_still_holds(account: Account) -> None:
    make.gateway(account, "sms")
    alpha = late(account, "Alpha LLC", "ALPHA-1", debtor_email="", debtor_phone=PHONE)
    beta = late(account, "Beta LLC", "BETA-1", debtor_email="", debtor_phone=PHONE)
    first = replies.receive(account, "sms", PHONE, "We paid yesterday", "SM1")
    second = replies.receive(account, "sms", PHONE, "Please call me", "SM2")
    assert first
    assert second
    replies.dismiss(second, make.STAFF)
    assert all(make.again(each).debtor.answered_at for each in (alpha, beta))
    replies.dismiss(first, make.STAFF)
    assert not any(make.again(each).debtor.answered_at for each in (alpha, beta))


def test_a_stop_from_a_shared_number_leaves_no_debtor_waiting_for_a_person(account: Account) -> None:
    make.gateway(account, "sms")
    alpha = late(account, "Alpha LLC", "ALPHA-1", debtor_email="a@gmail.com", debtor_phone=PHONE)
    beta = late(account, "Beta LLC", "BETA-1", debtor_email="b@gmail.com", debtor_phone=PHONE)
    reply = replies.receive(account, "sms", PHONE, "STOP", "SM1")
    assert reply
    assert reply.took_effect
    assert not any(make.again(each).debtor.answered_at for each in (alpha, beta))
    assert Address.objects.get(channel="sms", address=PHONE).opted_out_at
