"""The debtor's page as a browser gets it: each action in both languages, and nothing of anybody else."""

import datetime as dt
import io
import itertools
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from communications.contacts import consent
from communications.models import Address, Answer, ConsentEntry
from communications.portal import links, statement, texts
from inflow.accounts.actors import DEBTOR
from inflow.accounts.models import Account
from invoices import disputes, ledger, lifecycle
from invoices.documents import dispute_files
from invoices.models import Debtor, Dispute, DisputeReason, Invoice, Promise
from tests import files, make
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
LANGUAGES = ["en", "ar"]


class Page:
    """The debtor's page in a browser that minds CSRF."""

    def __init__(self, visitor: Client, debtor: Debtor, language: str = "en") -> None:
        self.visitor, self.path = visitor, links.page_url(debtor, language).removeprefix("http://testserver")

    def html(self, **query: str) -> str:
        answer = self.visitor.get(self.path, query)
        assert answer.status_code == 200
        return answer.content.decode()

    def say(self, kind: str, **said: object) -> tuple[int, str]:
        """The status of the POST, and the page it ends on."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.html())
        assert token
        answer = self.visitor.post(f"{self.path}/{kind}", {"csrfmiddlewaretoken": token[1], **said})
        if answer.status_code == 302:
            assert answer["Location"].startswith(self.path)
            return 302, self.visitor.get(answer["Location"]).content.decode()
        return answer.status_code, answer.content.decode()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    made = make.overdue_invoice(
        account, invoice_number="INV-7", amount=25_000, amount_paid=5_000, due_in=-10, debtor_phone="+971501234567"
    )
    return make.again(made)


def test_the_page_shows_what_is_open_and_never_adds_up_currencies(
    account: Account, visitor: Client, invoice: Invoice
) -> None:
    make.invoice(account, invoice_number="INV-8", amount=300, currency="USD", due_in=5)
    make.overdue_invoice(account, invoice_number="INV-9", amount="1.5", currency="KWD", due_in=-1)
    paid = make.invoice(account, invoice_number="INV-10")
    lifecycle.change(account, paid.pk, make.STAFF, status="paid")
    html = Page(visitor, invoice.debtor).html()
    for shown in (
        "Falcon Trading LLC",
        "INV-7",
        "AED 20,000.00",
        "of <bdi>AED 25,000.00</bdi>",
        "10 days</bdi> overdue",
    ):
        assert shown in html
    for shown in ("USD 300.00", "Due in <bdi>5 days</bdi>", "KWD 1.500", "1 day</bdi> overdue"):
        assert shown in html
    assert "INV-10" not in html
    assert "20,301" not in html


@pytest.mark.parametrize(("status", "shown"), [("disputed", "Disputed"), ("on_hold", "On hold")])
def test_disputed_and_held_invoices_are_shown_as_such(
    account: Account, visitor: Client, invoice: Invoice, status: str, shown: str
) -> None:
    assert f'waits">{shown}' not in Page(visitor, invoice.debtor).html()
    lifecycle.change(account, invoice.pk, make.STAFF, status=status)
    assert f'waits">{shown}' in Page(visitor, invoice.debtor).html()


def test_the_page_runs_in_both_directions_and_switches_its_language(visitor: Client, invoice: Invoice) -> None:
    page = Page(visitor, invoice.debtor, "ar")
    arabic, english = page.html(), page.html(lang="en")
    assert '<html lang="ar" dir="rtl">' in arabic
    assert "متأخرة منذ <bdi>10 أيام</bdi>" in arabic
    assert "<bdi>AED 20,000.00</bdi>" in arabic
    assert f'href="{page.path}?lang=en" lang="en"' in arabic
    assert '<html lang="en" dir="ltr">' in english
    assert page.html(lang="xx") == page.html(lang="ar") or '<html lang="ar"' in page.html(lang="xx")


def test_nothing_of_the_page_leaves_or_is_kept(visitor: Client, invoice: Invoice) -> None:
    page = Page(visitor, invoice.debtor)
    for path in (page.path, f"{page.path}/statement.pdf", "/p/nothing", f"{page.path}/stop"):
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "http" not in policy
        assert (headers["Cache-Control"], headers["X-Robots-Tag"]) == ("no-store", "noindex, nofollow")
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
    html = page.html()
    assert '<meta name="robots" content="noindex, nofollow">' in html
    assert "<script" not in html
    assert " style=" not in html
    assert set(re.findall(r'(?:src|href|action)="([^"]{0,3})', html)) <= {"/p/", "/st"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_debtor_has_paid(account: Account, visitor: Client, invoice: Invoice, language: str) -> None:
    today = account.today().isoformat()
    page = Page(visitor, invoice.debtor, language)
    status, html = page.say("paid", invoices=invoice.pk, paid_on=today, reference="FT-77")
    assert status == 302
    assert 'role="status"' in html
    assert "FT-77" in html
    answer = Answer.objects.get()
    assert (answer.invoice, answer.status, answer.reference) == (invoice, "proposed", "FT-77")
    assert make.again(invoice).amount_paid == 5_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("days", "status"), [(14, "on_hold"), (15, "overdue")])
def test_the_debtor_will_pay_on_a_date(
    account: Account, visitor: Client, invoice: Invoice, language: str, days: int, status: str
) -> None:
    day = account.today() + dt.timedelta(days=days)
    code, html = Page(visitor, invoice.debtor, language).say(
        "promise", invoices=invoice.pk, promised_on=day.isoformat()
    )
    assert code == 302
    assert 'role="status"' in html
    assert make.again(invoice).status == status
    assert Promise.objects.exists() == (status == "on_hold")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_debtor_disputes(visitor: Client, invoice: Invoice, language: str) -> None:
    status, html = Page(visitor, invoice.debtor, language).say("dispute", invoices=invoice.pk, why="<b>Never came.</b>")
    assert status == 302
    assert "&lt;b&gt;Never came." in html
    assert make.again(invoice).status == "disputed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_debtor_leaves_a_channel_and_then_all(
    account: Account, visitor: Client, invoice: Invoice, language: str
) -> None:
    page = Page(visitor, invoice.debtor, language)
    assert page.say("stop", channel="sms")[0] == 302
    assert list(Address.objects.exclude(opted_out_at=None).values_list("channel", flat=True)) == ["sms"]
    assert 'value="sms"' not in page.html()
    assert page.say("stop", channel="all")[0] == 302
    assert make.again(invoice).debtor.opted_out_at is not None
    assert set(ConsentEntry.objects.values_list("source", "actor")) == {("page", "debtor")}
    assert f"{page.path}/stop" not in page.html()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["paid", "promise", "dispute", "stop"])
def test_what_is_not_filled_in_is_said_where_it_is(
    account: Account, visitor: Client, invoice: Invoice, language: str, kind: str
) -> None:
    with nothing_happens(account):
        status, html = Page(visitor, invoice.debtor, language).say(kind)
    assert status == 422
    assert 'role="alert"' in html
    assert f'id="{kind}" class="card" open' in html
    assert "_error" in html


def test_days_beyond_sense_are_refused(account: Account, visitor: Client, invoice: Invoice) -> None:
    page, today = Page(visitor, invoice.debtor), account.today()
    with nothing_happens(account):
        for kind, name, day in [
            ("paid", "paid_on", today + dt.timedelta(days=1)),
            ("promise", "promised_on", today - dt.timedelta(days=1)),
            ("promise", "promised_on", today + dt.timedelta(days=366)),
        ]:
            assert page.say(kind, invoices=invoice.pk, **{name: day.isoformat()})[0] == 422


def test_another_debtor_is_neither_shown_nor_touched(account: Account, visitor: Client, invoice: Invoice) -> None:
    other = make.overdue_invoice(account, invoice_number="SECRET-1", debtor_email="other@example.com")
    foreign = make.overdue_invoice(make.account("Sandfox"), invoice_number="SECRET-2")
    page, today = Page(visitor, invoice.debtor), account.today().isoformat()
    with nothing_happens(account), nothing_happens(foreign.account):
        for hidden in (other, foreign):
            for kind, said in [
                ("paid", {"paid_on": today}),
                ("promise", {"promised_on": today}),
                ("dispute", {"why": "No."}),
            ]:
                status, html = page.say(kind, invoices=[invoice.pk, hidden.pk], **said)
                assert status == 422
                assert "SECRET" not in html
    rows = statement.context(invoice.debtor, texts.of("en"))["ledgers"]
    assert {row.number for ledger in rows for row in ledger.rows} == {"INV-7"}


def test_a_form_without_its_csrf_token_is_refused(account: Account, visitor: Client, invoice: Invoice) -> None:
    page = Page(visitor, invoice.debtor)
    page.html()
    with nothing_happens(account):
        for kind in ("paid", "promise", "dispute", "stop"):
            assert visitor.post(f"{page.path}/{kind}", {"channel": "all", "invoices": invoice.pk}).status_code == 403


def test_no_log_line_holds_a_link(visitor: Client, invoice: Invoice) -> None:
    page = Page(visitor, invoice.debtor)
    token = page.path.removeprefix("/p/")
    with logged() as written:
        assert page.say("paid")[0] == 422
        assert visitor.post(f"{page.path}/paid").status_code == 403
        assert visitor.get(f"{page.path}/paid").status_code == 405
        assert visitor.get(f"/p/unsubscribe/{token}").status_code == 404
    assert written.getvalue().count("/p/") == 4
    assert token not in written.getvalue()


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What goes to the log meanwhile."""
    handler = next(handler for handler in logging.getLogger().handlers if handler.name == "stdout")
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    try:
        yield written
    finally:
        handler.setStream(before)


def test_an_unknown_action_is_not_found(visitor: Client, invoice: Invoice) -> None:
    assert Page(visitor, invoice.debtor).say("cancel", invoices=invoice.pk)[0] == 404


def test_an_account_that_is_settled_says_so(account: Account, visitor: Client, invoice: Invoice) -> None:
    lifecycle.change(account, invoice.pk, make.STAFF, status="paid")
    html = Page(visitor, invoice.debtor).html()
    assert "You have no open invoices" in html
    assert 'id="dispute"' not in html
    assert 'id="stop"' in html


def test_each_debtor_has_so_many_answers_and_each_address_so_many_looks(account: Account, invoice: Invoice) -> None:
    """A window may end between two requests: then as many again pass."""
    addresses = (f"192.0.2.{number}" for number in itertools.count(1))
    path = links.page_url(invoice.debtor, "en")
    with nothing_happens(account):
        said = [Client(REMOTE_ADDR=next(addresses)).post(f"{path}/dispute", {}) for _ in range(21)]
        said += [] if said[-1].status_code == 429 else [Client().post(f"{path}/dispute", {}) for _ in range(20)]
    assert [answer.status_code for answer in said[:20]] == [422] * 20
    assert said[-1].status_code == 429
    assert int(said[-1]["Retry-After"]) >= 1
    assert Client(REMOTE_ADDR=next(addresses)).get(path).status_code == 200
    guesser = Client(REMOTE_ADDR="192.0.2.200")
    guesses = itertools.takewhile(
        lambda status: status == 404, (guesser.get("/p/guess.x").status_code for _ in range(241))
    )
    assert 120 <= len(list(guesses)) <= 240


def test_who_left_altogether_reads_it_on_the_page(visitor: Client, invoice: Invoice) -> None:
    consent.opt_out(invoice.debtor, "", DEBTOR, "page")
    assert "we no longer send you messages" in Page(visitor, invoice.debtor).html()


# --- The statement -----------------------------------------------------------------------------------------------


def test_the_statement_runs_from_invoice_to_payment_for_each_currency(account: Account, invoice: Invoice) -> None:
    dinars = make.invoice(account, invoice_number="K-1", amount="1.5", currency="KWD")
    payment = lifecycle.record_payment(account, dinars.pk, make.API, amount=dinars.balance)
    lifecycle.reverse_payment(account, dinars.pk, payment.pk, make.API)
    cancelled = make.invoice(account, invoice_number="C-1")
    lifecycle.change(account, cancelled.pk, make.STAFF, status="cancelled")
    aed, kwd = statement.context(invoice.debtor, texts.of("en"))["ledgers"]
    assert [(row.number, row.charge, row.credit, row.balance) for row in aed.rows] == [
        ("INV-7", "25,000.00", "", "25,000.00"),
        ("INV-7", "", "5,000.00", "20,000.00"),
    ]
    assert [(row.charge, row.credit) for row in kwd.rows] == [("1.500", ""), ("", "1.500"), ("1.500", "")]
    assert (aed.balance, kwd.balance) == ("AED 20,000.00", "KWD 1.500")


def test_what_is_older_than_a_year_is_brought_forward(account: Account) -> None:
    today = account.today()
    for days in (900, 800, 30):
        day = today - dt.timedelta(days=days)
        old = make.invoice(account, amount=100, issue_date=day, due_date=day)
    (ledger,) = statement.context(make.again(old).debtor, texts.of("en"))["ledgers"]
    assert [(row.what, row.balance) for row in ledger.rows] == [("Brought forward", "200.00"), ("Invoice", "300.00")]


@pytest.mark.parametrize("closes", ["written_off", "cancelled"])
def test_a_statement_ends_with_what_is_owed_less_credit_whatever_the_credit_paid(account: Account, closes: str) -> None:
    first, second = make.invoice(account, amount=1_000), make.invoice(account, amount=5_000)
    receipt = lifecycle.record_payment(account, first.pk, make.API, amount=Decimal(1_600))
    ledger.apply_credit(account, second.pk, make.STAFF, key=uuid.uuid4(), amount=Decimal(200))
    lifecycle.change(account, second.pk, make.STAFF, status=closes)
    (shown,) = statement.context(make.again(first).debtor, texts.of("en"))["ledgers"]
    credit = ledger.credit_of([first.debtor_id])[first.debtor_id]["AED"]
    assert Decimal(shown.balance.removeprefix("AED ")) == -credit
    ledger.void_payment(account, receipt.pk, make.STAFF)
    (shown,) = statement.context(make.again(first).debtor, texts.of("en"))["ledgers"]
    assert shown.balance == "AED 1,000.00"


@pytest.mark.skipif(not statement.is_available(), reason="WeasyPrint or pango is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_statement_is_a_pdf_that_reads_no_file(visitor: Client, language: str, account: Account) -> None:
    attack = '<link rel="attachment" href="file:///etc/passwd"><img src="http://127.0.0.1:9/x">'
    made = make.again(make.invoice(account, debtor_name=attack, debtor_company="شركة الواحة"))
    page = Page(visitor, made.debtor, language)
    assert f"{page.path}/statement.pdf" in page.html()
    answer = visitor.get(f"{page.path}/statement.pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    assert b"/EmbeddedFile" not in answer.content
    assert b"root:" not in answer.content


@pytest.mark.parametrize(("language", "shown"), [("en", "AED 400.00</bdi> disputed"), ("ar", "محل اعتراض")])
def test_the_debtor_disputes_a_part_with_a_reason_and_files_and_sees_where_it_stands(
    visitor: Client, invoice: Invoice, language: str, shown: str
) -> None:
    page = Page(visitor, invoice.debtor, language)
    reason = DisputeReason.objects.get(account=invoice.account, name_en="Wrong quantity")
    photo = SimpleUploadedFile("photo.png", b"\x89PNG\r\n\x1a\n..IEND\xaeB`\x82")
    said = {"invoices": invoice.pk, "part": "400", "dispute_reason": reason.pk, "why": "Half.", "attachments": [photo]}
    status, html = page.say("dispute", **said)
    assert status == 302
    dispute = Dispute.objects.get()
    assert (dispute.amount, dispute.reason, dispute.text, dispute.opened_by) == (
        Decimal(400),
        reason,
        "Half.",
        "debtor",
    )
    assert shown in html
    assert reason.in_language(language) in html
    file = dispute.files.get()
    assert file.is_from_debtor
    response = visitor.get(f"{page.path}/dispute/{file.pk}")
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    disputes.reject(invoice.account, dispute.pk, make.STAFF, answer="It was <b>delivered</b>.")
    assert "It was &lt;b&gt;delivered&lt;/b&gt;." in page.html()


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": "20000.01"},
        {"part": "0"},
        {"attachments": [SimpleUploadedFile("bill.pdf", b"<html>")]},
        {"dispute_reason": "999999"},
    ],
)
def test_an_impossible_dispute_changes_nothing(visitor: Client, invoice: Invoice, wrong: dict[str, object]) -> None:
    page = Page(visitor, invoice.debtor)
    assert page.say("dispute", invoices=invoice.pk, why="No.", **wrong)[0] == 422
    assert not Dispute.objects.exists()


def test_the_files_of_another_debtors_dispute_are_not_found(
    account: Account, visitor: Client, invoice: Invoice
) -> None:
    other = make.overdue_invoice(account, invoice_number="X-1", debtor_name="Oryx", debtor_email="oryx@oryx.example")
    dispute = disputes.open_dispute(account, other.pk, make.STAFF)
    file = dispute_files.add(account, dispute.pk, make.STAFF, files.pdf("secret"))
    page = Page(visitor, invoice.debtor)
    assert visitor.get(f"{page.path}/dispute/{file.pk}").status_code == 404
    assert "X-1" not in page.html()


def test_a_dispute_of_the_debtor_from_whom_the_invoice_moved_is_not_shown(
    account: Account, visitor: Client, invoice: Invoice
) -> None:
    dispute = disputes.open_dispute(account, invoice.pk, DEBTOR, text="Not ours.")
    file = dispute_files.add(account, dispute.pk, DEBTOR, files.pdf("secret"), "secret of the first.pdf")
    names = {"debtor_name": "Oryx", "debtor_company": "Oryx LLC", "debtor_email": "oryx@oryx.example"}
    lifecycle.amend(account, invoice.pk, make.STAFF, names)
    assert make.again(invoice).debtor_id != invoice.debtor_id
    page = Page(visitor, make.again(invoice).debtor)
    assert "secret of the first" not in page.html()
    assert visitor.get(f"{page.path}/dispute/{file.pk}").status_code == 404
