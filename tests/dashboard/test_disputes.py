"""Disputes in the dashboard: opened with a part, changed, resolved with an answer, with files, and reported."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inflow.accounts.roles import Role
from invoices import disputes
from invoices.models import Dispute, DisputeFile, DisputeReason, Invoice
from tests import files, make
from tests.dashboard.world import World, page, verb

pytestmark = pytest.mark.django_db


def contested(own: World, amount: int | None = 400) -> Dispute:
    part = None if amount is None else Decimal(amount)
    return disputes.open_dispute(own.account, own.invoice.pk, make.STAFF, amount=part, text="Half is missing.")


def action(dispute: Dispute, name: str) -> str:
    return page("invoices_dispute", name, dispute.pk)


def test_a_part_is_disputed_and_the_page_says_that_the_rest_is_chased(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    reason = DisputeReason.objects.for_account(own.account).get(name_en="Wrong quantity")
    form = client.get(verb("invoices_invoice_dispute", own)).content.decode()
    assert "Wrong quantity" in form
    said = {"reason": "Half is missing.", "amount": "400", "dispute_reason": reason.pk, "answer_by": make.FAR_AHEAD}
    client.post(verb("invoices_invoice_dispute", own), said)
    dispute = Dispute.objects.get(invoice=own.invoice)
    assert [dispute.amount, dispute.reason, str(dispute.answer_by)] == [Decimal(400), reason, make.FAR_AHEAD]
    html = client.get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
    assert "The rest is still chased." in html
    assert action(dispute, "change") in html


@pytest.mark.parametrize(
    ("name", "body", "outcome", "balance"),
    [
        ("reject", {"answer": "It was delivered."}, "rejected", 0),
        ("withdraw", {}, "withdrawn", 0),
        ("credit_note", {"number": "CN-1", "amount": "400"}, "credit_note", 400),
        ("correct", {"amount": "24600.5"}, "corrected_amount", 400),
    ],
)
def test_each_outcome(own: World, name: str, body: dict[str, str], outcome: str, balance: int) -> None:
    before, dispute = own.invoice.balance, contested(own)
    amount = own.invoice.amount
    if name == "correct":
        body = {"amount": str(amount - 400)}
    own.logged_in(Role.MANAGER).post(action(dispute, name), body)
    dispute.refresh_from_db()
    assert (dispute.status, dispute.outcome) == ("resolved", outcome)
    assert make.again(own.invoice).balance == before - balance
    assert make.again(own.invoice).status == "overdue"


def test_a_rejection_without_an_answer_is_refused(own: World) -> None:
    dispute = contested(own)
    answer = own.logged_in(Role.AGENT).post(action(dispute, "reject"), {"answer": " "})
    assert "answer" in answer.context["form"].errors
    assert make.again(own.invoice).status == "disputed"


def test_a_part_is_changed(own: World) -> None:
    dispute = contested(own, None)
    own.logged_in(Role.AGENT).post(action(dispute, "revise"), {"amount": "100"})
    assert Invoice.objects.get(pk=own.invoice.pk).contested == 100


@pytest.mark.parametrize("data", [files.pdf("a"), b"\x89PNG\r\n\x1a\n..IEND\xaeB`\x82", b"\xff\xd8\xff..\xff\xd9"])
def test_files_are_saved_by_the_browser_and_never_shown(own: World, foreign: World, data: bytes) -> None:
    dispute, client = contested(own), own.logged_in(Role.AGENT)
    client.post(action(dispute, "add_file"), {"file": SimpleUploadedFile("<b>photo.html", data)})
    file = DisputeFile.objects.get(dispute=dispute)
    assert not file.is_from_debtor
    response = client.get(f"{action(dispute, 'file')}?file={file.pk}")
    assert response.content == data
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "html" not in response["Content-Type"]
    assert foreign.logged_in(Role.ADMIN).get(f"{action(dispute, 'file')}?file={file.pk}").status_code == 404
    theirs = foreign.rows["invoices_dispute"]
    other = page("invoices_dispute", "file", theirs)
    assert foreign.logged_in(Role.ADMIN).get(f"{other}?file={file.pk}").status_code == 404


@pytest.mark.parametrize("data", [b"<html><script>", b"MZ", b"\x89PNG\r\n\x1a\n<script>", b"", b"%PDF-1.7 not whole"])
def test_other_kinds_of_files_are_refused(own: World, data: bytes) -> None:
    dispute = contested(own)
    answer = own.logged_in(Role.AGENT).post(
        action(dispute, "add_file"), {"file": SimpleUploadedFile("bill.pdf", data, "application/pdf")}
    )
    assert answer.context["form"].errors
    assert not DisputeFile.objects.filter(dispute=dispute).exists()


def test_the_report_adds_up_open_disputes_by_reason(own: World, foreign: World) -> None:
    contested(own)
    contested(foreign, 77)
    html = own.logged_in(Role.VIEWER).get(page("invoices_dispute", "changelist")).content.decode()
    assert "No reason given" in html
    assert "400" in html
    assert "77.00" not in html


def test_reasons_are_added_and_hidden_for_the_account_alone(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    client.post(page("invoices_disputereason", "add"), {"name_en": "Late delivery", "name_ar": "تأخر التسليم"})
    reason = DisputeReason.objects.get(name_en="Late delivery")
    assert reason.account == own.account
    again = client.post(page("invoices_disputereason", "add"), {"name_en": "Late delivery", "name_ar": "x"})
    assert again.context["form"].errors
    DisputeReason.objects.filter(pk=reason.pk).update(is_offered=False)
    assert reason not in disputes.offered_reasons(own.account)


def test_an_action_page_names_number_debtor_balance_and_status_in_heading_and_title(own: World) -> None:
    client, dispute = own.logged_in(Role.MANAGER), contested(own)
    for url in (verb("invoices_invoice_cancel", own), action(dispute, "reject"), action(dispute, "add_file")):
        html = client.get(url).content.decode()
        title = html[html.index("<title>") : html.index("</title>")]
        body = html[html.index('class="about"') :]
        for shown in (own.invoice.invoice_number, own.invoice.debtor_name, "25,000.00", "Disputed"):
            assert shown in title, url
            assert shown in body, url


def test_a_reason_is_not_renamed_to_another_ones_name_nor_to_nothing_that_is_seen(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    first, second = DisputeReason.objects.for_account(own.account)[:2]
    for name, refusal in (
        (second.name_en.upper(), "There is already a reason with that name."),
        ("\u200b", "required"),
    ):
        said = {"name_en": name, "name_ar": "سبب", "position": 1, "is_offered": "on"}
        answer = client.post(page("invoices_disputereason", "change", first.pk), said)
        assert refusal in answer.content.decode()
    said = {"name_en": second.name_en.upper(), "name_ar": "سبب"}
    assert "There is already a reason" in client.post(page("invoices_disputereason", "add"), said).content.decode()
    first.refresh_from_db()
    assert first.name_ar != "سبب"
    assert DisputeReason.objects.for_account(own.account).count() == 8


@pytest.mark.parametrize("day", ["0001-01-01", "2020-01-01", "9999-12-31"])
def test_the_day_of_the_answer_is_neither_past_nor_far_ahead(own: World, day: str) -> None:
    client = own.logged_in(Role.AGENT)
    client.post(verb("invoices_invoice_dispute", own), {"reason": "Half is missing.", "answer_by": day})
    assert not Dispute.objects.filter(invoice=own.invoice).exists()
    dispute = contested(own)
    client.post(action(dispute, "revise"), {"amount": "400", "answer_by": day})
    assert Dispute.objects.get(pk=dispute.pk).answer_by == dispute.answer_by
