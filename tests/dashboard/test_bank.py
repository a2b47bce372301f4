"""Bank statements in the dashboard: from the upload to the payment, and back."""

import html
import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from communications.models import CollectionSettings
from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices import lifecycle
from invoices.bank import files, posting
from invoices.bank.proposals import Action, Proposal, mark
from invoices.models import BankFile, BankLine, BankStatement, Invoice, Receipt
from invoices.models.bank import LineState
from tests import make
from tests.dashboard.world import World, nothing_changes, page
from tests.invoices.bank.samples import sample

pytestmark = pytest.mark.django_db
ADD = "/admin/invoices/bankfile/add/"


def upload(client: Client, content: bytes, **given: str) -> BankFile:
    response = client.post(ADD, {"file": SimpleUploadedFile("mine.csv", content), **given})
    assert response.status_code == 302, response.content.decode()
    file: BankFile = BankFile.objects.latest("created_at")
    files.read(file.pk)
    file.refresh_from_db()
    return file


def line_of(world: World) -> BankLine:
    found: BankLine = BankLine.objects.get(pk=world.rows["invoices_bankline"])
    return found


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_an_agent_uploads_sees_the_proposals_and_confirms_the_certain_lines_at_once(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    make.invoice(own.account, invoice_number="INV-1001", amount=25_000, debtor_company="Gulf Trading LLC")
    file = upload(client, sample("gulf.csv"))
    assert (file.lines_found, file.lines_added) == (3, 3)
    statement = BankStatement.objects.get(file=file)
    shown = text_of(client, page("invoices_bankstatement", "change", statement.pk))
    assert "INV-1001" in shown
    assert "It names invoice INV-1001; the amount is exact" in shown
    assert "AED 125,395.00" in shown
    address = page("invoices_bankstatement", "confirm_certain", statement.pk)
    assert "AED 25,000.00" in text_of(client, address)
    client.post(address, {"is_complete": "on"})
    assert Receipt.objects.get(account=own.account, bank_id__gt="").amount == Decimal(25_000)
    assert CollectionSettings.objects.get(account=own.account).payments_synced_at
    assert AuditEntry.objects.filter(account=own.account, action="payments.synced").exists()


def test_a_file_that_is_cut_says_so_on_its_page_and_stores_nothing(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    before = BankStatement.objects.count()
    file = upload(client, sample("camt_v08.xml")[:3_000])
    assert "incomplete or invalid at line" in text_of(client, page("invoices_bankfile", "change", file.pk))
    assert BankStatement.objects.count() == before


def test_an_empty_file_is_refused_on_the_form(own: World) -> None:
    response = own.logged_in(Role.AGENT).post(ADD, {"file": SimpleUploadedFile("x.csv", b"")})
    assert response.status_code == 200
    assert "empty" in response.content.decode()


def test_a_proposal_is_confirmed_and_undone(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    shown = text_of(client, page("invoices_bankline", "confirm", line.pk))
    assert own.invoice.invoice_number in shown
    client.post(page("invoices_bankline", "confirm", line.pk))
    assert line_of(own).state == LineState.POSTED
    assert make.again(own.invoice).amount_paid == 120
    client.post(page("invoices_bankline", "undo", line.pk), {"reason": "Wrong."})
    assert line_of(own).is_to_do
    assert make.again(own.invoice).amount_paid == 0


def test_the_allocation_is_edited_and_the_rest_is_credit(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    address = page("invoices_bankline", "allocate", line.pk)
    assert f"part_{own.invoice.pk}" in text_of(client, address)
    too_much = client.post(address, {f"part_{own.invoice.pk}": "120.01"})
    assert "The parts are AED 120.01 in all" in too_much.content.decode()
    client.post(address, {f"part_{own.invoice.pk}": "60"})
    line = line_of(own)
    assert line.receipt is not None
    assert (make.again(own.invoice).amount_paid, line.receipt.unallocated) == (Decimal(60), Decimal(60))


def test_proposals_that_changed_since_they_were_shown_are_not_confirmed(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    address = page("invoices_bankline", "confirm", line.pk)
    found = re.search(r'name="shown" value="([0-9a-f]{16})"', text_of(client, address))
    assert found
    other = {**line.proposals[0], "allocations": []}
    BankLine.objects.filter(pk=line.pk).update(proposals=[other, line.proposals[0]])
    with nothing_changes(own):
        refused = client.post(address, {"shown": found[1]})
        assert "have changed in the meantime" in refused.content.decode()
        client.post(page("invoices_bankline", "choose", line.pk), {"proposal": "1", "shown": found[1]})
    client.post(page("invoices_bankline", "choose", line.pk), {"proposal": "1", "shown": mark(line_of(own))})
    assert line_of(own).state == LineState.POSTED
    assert make.again(own.invoice).amount_paid == 120


def test_the_part_of_an_invoice_that_was_paid_meanwhile_is_refused_and_does_not_become_credit(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    BankLine.objects.filter(pk=line.pk).update(proposals=[])
    lifecycle.change(own.account, own.invoice.pk, make.STAFF, payment_status="paid")
    address = f"{page('invoices_bankline', 'allocate', line.pk)}?debtor={own.invoice.debtor_id}"
    with nothing_changes(own):
        refused = client.post(address, {f"part_{own.invoice.pk}": "120"})
    assert "above its balance" in refused.content.decode()


def test_a_line_without_a_proposal_is_assigned_to_a_debtor_as_credit(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    line = make.bank_line(own.account, own.people[Role.AGENT], "nothing known", Decimal("7.77"))
    address = page("invoices_bankline", "allocate", line.pk)
    assert "Whose payment is it?" in text_of(client, address)
    assert "No debtor or invoice matches" in client.post(address, {"payer": "Nobody"}).content.decode()
    found = client.post(address, {"payer": own.invoice.invoice_number})
    assert found["Location"] == f"{address}?debtor={own.invoice.debtor_id}"
    client.post(found["Location"], {f"part_{own.invoice.pk}": ""})
    line.refresh_from_db()
    assert line.receipt is not None
    assert (line.receipt.debtor_id, line.receipt.unallocated) == (own.invoice.debtor_id, Decimal("7.77"))


def test_a_debtor_of_another_account_is_not_found(own: World, foreign: World) -> None:
    client = own.logged_in(Role.AGENT)
    address = page("invoices_bankline", "allocate", line_of(own).pk)
    with nothing_changes(own, foreign):
        shown = text_of(client, f"{address}?debtor={foreign.invoice.debtor_id}")
        client.post(f"{address}?debtor={foreign.invoice.debtor_id}", {f"part_{foreign.invoice.pk}": "5"})
    assert "Whose payment is it?" in shown
    assert foreign.invoice.debtor_name not in shown


def test_a_line_is_ignored_with_a_reason_and_put_back(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    client.post(page("invoices_bankline", "ignore", line.pk), {"reason": ""})
    assert line_of(own).is_to_do
    client.post(page("invoices_bankline", "ignore", line.pk), {"reason": "A transfer between our accounts."})
    assert "A transfer between our accounts." in text_of(client, page("invoices_bankline", "change", line.pk))
    client.post(page("invoices_bankline", "reopen", line.pk))
    assert line_of(own).is_to_do


def test_selected_lines_are_confirmed_together(own: World) -> None:
    client, line = own.logged_in(Role.AGENT), line_of(own)
    other = make.bank_line(own.account, own.people[Role.AGENT], "nothing known", Decimal("7.77"))
    body: dict[str, Any] = {"action": "confirm_selected", "_selected_action": [line.pk, other.pk], "apply": "1"}
    client.post(page("invoices_bankline", "changelist"), body)
    assert (line_of(own).state, BankLine.objects.get(pk=other.pk).state) == (LineState.POSTED, LineState.OPEN)


@pytest.mark.parametrize("work", ["to_do", "posted", "ignored"])
def test_the_lists_are_filtered_by_what_is_to_do(own: World, work: str) -> None:
    client = own.logged_in(Role.VIEWER)
    line = line_of(own)
    is_shown = str(line.pk) in text_of(client, f"{page('invoices_bankline', 'changelist')}?work={work}")
    assert is_shown == (work == "to_do")
    statement = page("invoices_bankstatement", "change", own.rows["invoices_bankstatement"])
    assert (str(line.pk) in text_of(client, f"{statement}?work={work}")) == (work == "to_do")


def test_texts_of_the_bank_are_escaped(own: World) -> None:
    client = own.logged_in(Role.VIEWER)
    line = make.bank_line(own.account, own.people[Role.AGENT], "<script>alert(1)</script>", Decimal("7.77"))
    for address in (
        page("invoices_bankline", "changelist"),
        page("invoices_bankline", "change", line.pk),
        page("invoices_bankstatement", "change", line.shown.get().statement_id),
    ):
        assert "<script>alert(1)" not in text_of(client, address)


def recorded_by_hand(own: World, *amounts: int) -> list[Receipt]:
    found = []
    for place, amount in enumerate(amounts):
        number = f"PART-100{place}"
        made = make.invoice(own.account, invoice_number=number, amount=amount, debtor_company="Part Payers LLC")
        payment = lifecycle.record_payment(own.account, made.pk, make.STAFF, amount=Decimal(amount))
        found.append(Receipt.objects.get(pk=payment.pk))
    return found


def test_a_line_that_several_payments_recorded_names_them_and_is_confirmed_without_new_money(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    receipts = recorded_by_hand(own, 110, 120, 130)
    line = make.bank_line(own.account, own.people[Role.AGENT], "PART-1000 PART-1001 PART-1002", 360)
    count = Receipt.objects.count()
    for address in (page("invoices_bankline", "change", line.pk), page("invoices_bankline", "confirm", line.pk)):
        shown = text_of(client, address)
        assert all(f"{receipt} (PART-100{place})" in shown for place, receipt in enumerate(receipts))
    client.post(page("invoices_bankline", "confirm", line.pk))
    line.refresh_from_db()
    assert (line.state, line.result, Receipt.objects.count()) == (LineState.POSTED, "linked", count)
    shown = text_of(client, page("invoices_bankline", "change", line.pk))
    assert all(page("invoices_payment", "change", receipt.pk) in shown for receipt in receipts)


def select(client: Client, lines: list[BankLine], **given: str) -> str:
    body: dict[str, Any] = {"action": "confirm_selected", "_selected_action": [line.pk for line in lines], **given}
    response = client.post(page("invoices_bankline", "changelist"), body, follow=True)
    return html.unescape(response.content.decode())


def test_each_selected_line_is_checked_and_the_refused_ones_are_named_with_the_reason(own: World) -> None:
    client, agent = own.logged_in(Role.AGENT), own.people[Role.AGENT]
    for place in range(5):
        make.invoice(own.account, invoice_number=f"SEL-100{place}", amount=100 + place, debtor_company=f"Sel {place}")
    lines = [make.bank_line(own.account, agent, f"SEL-100{place}", 100 + place) for place in range(4)]
    shown = select(client, lines)
    assert all(f"SEL-100{place} AED 10{place}.00" in shown for place in range(4))
    found = re.search(r'name="shown" value="(\{.*?\})"', shown)
    assert found
    # Meanwhile one is matched with another invoice, one is handled, and one invoice is paid.
    other = BankLine.objects.get(pk=make.bank_line(own.account, agent, "SEL-1004", 104).pk)
    BankLine.objects.filter(pk=lines[1].pk).update(proposals=other.proposals)
    posting.ignore(own.account, lines[2].pk, make.STAFF, reason="Handled.")
    paid = Invoice.objects.get(account=own.account, invoice_number="SEL-1003")
    lifecycle.record_payment(own.account, paid.pk, make.STAFF, amount=Decimal(103))
    text = select(client, lines, apply="1", shown=found[1])
    assert "Confirm proposal: 1 row changed." in text
    assert "3 rows not changed" in text
    for line, reason in ((lines[1], "have changed"), (lines[2], "current status"), (lines[3], "above its balance")):
        assert re.search(f"{re.escape(str(line))}: [^;]*{reason}", text), (str(line), reason)
    for line in lines:
        line.refresh_from_db()
    assert [line.state for line in lines] == ["posted", "proposed", "ignored", "proposed"]


def test_a_reversal_is_confirmed_only_on_the_page_of_its_line(own: World) -> None:
    client, agent = own.logged_in(Role.AGENT), own.people[Role.AGENT]
    line = make.bank_line(own.account, agent, "SEL-1001", 100)
    receipt = recorded_by_hand(own, 77)[0]
    proposal = Proposal(action=Action.REVERSE, certainty="certain", receipt=str(receipt.pk))
    BankLine.objects.filter(pk=line.pk).update(
        amount=-77, state="proposed", certainty="certain", proposals=[asdict(proposal)]
    )
    assert "on the page of its line" in select(client, [line], apply="1")
    receipt.refresh_from_db()
    assert receipt.status == "standing"
