"""Columns that were not understood: the import waits, a person decides on a page of its own."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from inflow.accounts.models import AuditEntry
from inflow.accounts.roles import Role
from invoices import ledger, lifecycle
from invoices.imports import phases
from invoices.models import Invoice, Receipt
from invoices.models.imports import Import
from tests import make
from tests.dashboard.test_imports import confirmed, outcomes, told, upload, worked
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db

HEAD = "invoice,customer,due date,amount"


def columns_page(file: Import) -> str:
    return page("invoices_import", "columns", file.pk)


def waits(own: World, heading: str, *cells: str) -> bool:
    rows = "".join(f'N-{n},Omar,2998-01-01,100,"{cell}"\n' for n, cell in enumerate(cells))
    file = worked(upload(own.logged_in(Role.MANAGER), f"{HEAD},{heading}\n{rows}", currency="AED"))
    assert file.phase in ("mapping", "checked")
    return file.phase == "mapping"


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("Währung", ["USD", "USD"]),
        ("Money code", ["AED", "USD"]),
        ("Unit", ["US Dollars", "UAE Dirham"]),
        ("Unit", ["USD - US Dollar", "درهم إماراتي"]),
        ("Residual amt", ["5", "6"]),
        ("Amount2", ["5", "x"]),
        ("Deal stage", ["won", "lost"]),
        ("Still outstanding", ["see note", "none"]),
        ("Retention", ["5%", "5%"]),
        ("Rest", ["10", "20.50"]),
        ("Code 7", ["1,000.00", "(5.00)"]),
        ("Rest", ["AED 10", "AED 20"]),
        ("Rest", ["1.250,50 €", "no"]),
        ("Rest", ["١٬٢٥٠ د.إ", "none"]),
        ("Symbol", ["$", "$"]),
        ("Remark 2", ["call them", "Paid"]),
        ("Zustand", ["Void", "ok"]),
        ("موقف الفاتورة", ["تحت المراجعة", "أخرى"]),
        ("الرصيد الافتتاحي", ["x", "y"]),
        ("ملاحظة ب", ["مدفوعة", "لا شيء"]),
        ("", ["10", "20"]),
        ("Total", ["110", "120"]),  # a second amount
    ],
)
def test_a_column_that_may_hold_money_a_status_or_a_currency_waits(heading: str, cells: list[str], own: World) -> None:
    assert waits(own, heading, *cells)


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("Rep", ["Layla", "Omar"]),
        ("Region", ["North", "South"]),
        ("Remark", ["All fine", "Top customer"]),
        ("Payment terms", ["Net 30", "30"]),
        ("Days overdue", ["5", "6"]),
        ("Discount", ["", ""]),  # empty: it says nothing
        ("PO", ["PO 7", "PO 8"]),
        ("المندوب", ["ليلى", "عمر"]),
    ],
)
def test_other_columns_are_shown_and_do_not_stop_the_import(heading: str, cells: list[str], own: World) -> None:
    assert not waits(own, heading, *cells)


TEXT = f"{HEAD},Devise,Colour\nN-1,Omar,2998-01-01,1800,USD,red\nN-2,Layla,2998-01-01,100,AED,blue\n"


def test_the_page_shows_every_unknown_column_with_cells_and_takes_a_field_for_each(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, TEXT, currency="AED"))
    assert (file.phase, file.rows.count(), Invoice.objects.filter(invoice_number="N-1").exists()) == (
        "mapping",
        0,
        False,
    )
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    assert columns_page(file) in html
    html = client.get(columns_page(file)).content.decode()
    for shown in ("Devise", "USD, ", "Colour", "red", "may be an amount, a status or a currency"):
        assert shown.replace("USD, ", "<bdi>USD</bdi>") in html
    with nothing_changes(own):
        assert "Choose a field" in client.post(columns_page(file), {"column_5": "-"}).content.decode()
    answer = client.post(columns_page(file), {"column_4": "currency", "column_5": "-"})
    file = worked(answer_to(answer, file))
    assert (file.phase, outcomes(file), file.ignored) == ("checked", ["new", "new"], ["Colour"])
    assert AuditEntry.objects.get(action="import.mapped").detail["columns"] == {"devise": "currency", "colour": ""}
    confirmed(client, file)
    found = {each.invoice_number: (each.amount, each.currency) for each in Invoice.objects.filter(amount__lt=2000)}
    assert (found["N-1"], found["N-2"]) == ((Decimal(1800), "USD"), (Decimal(100), "AED"))


def answer_to(answer: object, file: Import) -> object:
    """The page redirects to the import's."""
    assert answer["Location"] == page("invoices_import", "change", file.pk)  # type: ignore[index]
    return answer


def test_choices_are_remembered_for_the_next_file_of_the_account_alone(own: World, foreign: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, TEXT, currency="AED"))
    client.post(columns_page(file), {"column_4": "currency", "column_5": "-"})
    again = worked(upload(client, TEXT, currency="AED"))
    assert (again.phase, again.columns["currency"]) == ("checked", 4)
    theirs = worked(upload(foreign.logged_in(Role.MANAGER), TEXT, currency="AED"))
    assert theirs.phase == "mapping"


def test_an_ignored_column_stays_unused_and_can_be_mapped_until_the_import_has_begun(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, TEXT, currency="AED"))
    client.post(columns_page(file), {"column_4": "-", "column_5": "-"})
    file = Import.objects.get(pk=file.pk)
    while phases.work(file.pk):
        pass
    confirmed(client, file)
    assert client.get(columns_page(file)).status_code == 302
    seen = Import.objects.get(pk=file.pk).choices
    client.post(columns_page(file), {"column_4": "currency", "column_5": "-"})
    assert Import.objects.get(pk=file.pk).choices == seen


def test_a_needed_column_can_be_chosen_and_must_be(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "invoice,customer,Fällig,Betrag\nN-1,Omar,2998-01-01,100\n"
    file = worked(upload(client, text, currency="AED"))
    assert file.phase == "mapping"
    assert (
        "No column is chosen for Due."
        in client.post(columns_page(file), {"column_2": "-", "column_3": "amount"}).content.decode()
    )
    assert (
        "Two columns are chosen for Amount."
        in client.post(columns_page(file), {"column_2": "amount", "column_3": "amount"}).content.decode()
    )
    client.post(columns_page(file), {"column_2": "due_date", "column_3": "amount"})
    while phases.work(file.pk):
        pass
    assert outcomes(file) == ["new"]


def test_a_file_whose_headings_are_all_unknown_waits_for_choices(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "Offene Posten,,,,\nRechnung,Kunde,Betrag,Fällig,Lager\nN-1,Omar,100,2998-01-01,7\n"
    file = worked(upload(client, text, currency="AED"))
    assert file.phase == "mapping", file.failure
    assert file.survey["headings"] == ["Rechnung", "Kunde", "Betrag", "Fällig", "Lager"]
    names = ("invoice_number", "debtor_name", "amount", "due_date", "-")
    client.post(columns_page(file), {f"column_{place}": name for place, name in enumerate(names)})
    while phases.work(file.pk):
        pass
    assert outcomes(file) == ["new"]


def test_a_file_without_headings_is_refused_because_its_first_row_would_be_lost(own: World) -> None:
    file = worked(upload(own.logged_in(Role.MANAGER), "N-1,Omar,100,2998-01-01\nN-2,Omar,200,2998-01-01\n"))
    assert file.phase == "failed"
    assert "No column is called" in file.failure


def test_a_choice_takes_the_place_of_a_column_that_was_understood(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, f"{HEAD},Total\nN-1,Omar,2998-01-01,100,105\n", currency="AED"))
    assert file.phase == "mapping"
    assert "instead of “amount”" in client.get(columns_page(file)).content.decode()
    client.post(columns_page(file), {"column_4": "amount"})
    while phases.work(file.pk):
        pass
    file.refresh_from_db()
    assert (file.phase, file.ignored, file.rows.get().said["amount"]) == ("checked", ["amount"], "105")


def test_who_may_say_what_columns_are(own: World, foreign: World) -> None:
    file = worked(upload(own.logged_in(Role.MANAGER), TEXT, currency="AED"))
    chosen = {"column_4": "currency", "column_5": "-"}
    with nothing_changes(own):
        for role in (Role.VIEWER, Role.AGENT):
            assert own.logged_in(role).get(columns_page(file)).status_code == 403
            assert own.logged_in(role).post(columns_page(file), chosen).status_code == 403
        for role in Role:
            assert foreign.logged_in(role).get(columns_page(file)).status_code == 404
            assert foreign.logged_in(role).post(columns_page(file), chosen).status_code == 404
            assert foreign.logged_in(role).get(page("invoices_import", "change", file.pk)).status_code == 404
    html = own.logged_in(Role.VIEWER).get(page("invoices_import", "change", file.pk)).content.decode()
    assert columns_page(file) not in html
    own.logged_in(Role.ADMIN).post(columns_page(file), chosen)
    while phases.work(file.pk):
        pass
    assert outcomes(file) == ["new", "new"]


def test_a_waiting_import_can_be_discarded(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    file = worked(upload(client, TEXT, currency="AED"))
    client.post(page("invoices_import", "discard", file.pk))
    assert Import.objects.get(pk=file.pk).phase == "discarded"
    with nothing_changes(own):
        client.post(columns_page(file), {"column_4": "currency", "column_5": "-"})


# --- Proposals -----------------------------------------------------------------------------------------------------

BOOKS = """invoice,customer,due date,total,balance,currency,status
Falcon-1,Debtor of Falcon,2025-01-31,25000,{left},AED,{status}
"""


def books(left: str, status: str) -> str:
    return BOOKS.format(left=left, status=status)


@pytest.mark.parametrize(
    ("left", "status", "verb", "said"),
    [
        ("0", "Paid", "record_payment", "Paid in the file, but open here: record a payment of AED 25,000.00?"),
        ("10000", "Overdue", "record_payment", "AED 10,000.00 is outstanding in the file and AED 25,000.00 here"),
        ("0", "Voided", "cancel", "Void in the file, but open here: cancel it?"),
        ("25000", "Written off", "write_off", "Written off in the file, but open here: write it off?"),
    ],
)
def test_a_closed_row_of_an_invoice_that_is_open_here_is_a_proposal_and_no_change(
    left: str, status: str, verb: str, said: str, own: World
) -> None:
    client = own.logged_in(Role.MANAGER)
    before = Invoice.objects.filter(pk=own.invoice.pk).values().get()
    file = worked(upload(client, books(left, status)))
    ((_, outcome, reason),) = told(file)
    assert (outcome, said in reason, phases.counts(file)["to_do"]) == ("proposed", True, 0)
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    assert page("invoices_invoice", verb, own.invoice.pk) in html
    assert Invoice.objects.filter(pk=own.invoice.pk).values().get() == before


def test_a_proposal_links_to_the_form_with_the_amount_and_is_done_when_it_is_done(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    file = worked(upload(own.logged_in(Role.MANAGER), books("10000", "Overdue")))
    url = page("invoices_invoice", "record_payment", own.invoice.pk) + "?amount=15000"
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    assert url in html
    assert 'value="15000"' in client.get(url).content.decode()
    lifecycle.record_payment(own.account, own.invoice.pk, make.STAFF, amount=Decimal(15000))
    html = client.get(page("invoices_import", "change", file.pk)).content.decode()
    assert url not in html
    assert outcomes(worked(upload(own.logged_in(Role.MANAGER), books("10000", "Overdue")))) == ["unchanged"]


def test_an_agent_is_not_offered_what_only_a_manager_may_do(own: World) -> None:
    file = worked(upload(own.logged_in(Role.MANAGER), books("0", "Voided")))
    url = page("invoices_invoice", "cancel", own.invoice.pk)
    html = own.logged_in(Role.AGENT).get(page("invoices_import", "change", file.pk)).content.decode()
    assert url not in html
    assert "Cancel invoice" in html


def test_an_older_file_takes_no_payment_back(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    lifecycle.record_payment(own.account, own.invoice.pk, make.STAFF, amount=Decimal(5000))
    ((_, outcome, reason),) = told(worked(upload(client, books("25000", "Overdue"))))
    assert (outcome, reason) == ("unchanged", "AED 5,000.00 more is paid here than in the file.")


def test_what_is_closed_on_both_sides_is_unchanged(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    lifecycle.record_payment(own.account, own.invoice.pk, make.STAFF, amount=Decimal(25000))
    for left, status in (("0", "Paid"), ("0", "Void")):
        assert outcomes(worked(upload(client, books(left, status)))) == ["unchanged"]


def test_an_opening_payment_that_was_taken_back_is_not_unchanged(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "invoice_number,debtor_name,amount,currency,due_date,amount_paid\nO-1,Omar,100,AED,2998-01-01,40\n"
    confirmed(client, worked(upload(client, text)))
    invoice = Invoice.objects.get(invoice_number="O-1")
    assert outcomes(worked(upload(client, text))) == ["unchanged"]
    lifecycle.change(own.account, invoice.pk, make.STAFF, payment_status="unpaid")
    assert outcomes(worked(upload(client, text))) == ["refused"]


def test_a_row_that_is_closed_between_preview_and_import_is_not_registered(own: World) -> None:
    client = own.logged_in(Role.MANAGER)
    text = "invoice,customer,due date,total,balance,status,currency\nN-1,Omar,2998-01-01,100,40,Open,AED\n"
    file = worked(upload(client, text))
    make.invoice(own.account, invoice_number="N-1", debtor_name="Omar", amount=100)
    confirmed(client, file)
    assert Invoice.objects.filter(invoice_number="N-1").count() == 1


# --- Payments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Falcon-1,FT-1,-5,", "Amount: -5 is below 0, which looks like a refund."),
        ("Falcon-1,FT-1,5,Bounced", "The status is “Bounced”, but only received payments are recorded."),
        ("Falcon-1,FT-1,5,Void", "only received payments are recorded"),
        ("Falcon-1,FT-1,USD 5,Cleared", "is not in the row's currency, AED"),
    ],
)
def test_payments_that_did_not_come_in_are_refused(row: str, said: str, own: World) -> None:
    client = own.logged_in(Role.AGENT)
    ((_, outcome, reason),) = told(worked(upload(client, f"invoice,reference,amount,status\n{row}\n", "payments")))
    assert (outcome, said in reason) == ("refused", True), reason


def test_an_unknown_balance_in_a_file_of_payments_waits(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    text = "invoice,reference,amount,Running balance\nFalcon-1,FT-1,5,1005\n"
    file = worked(upload(client, text, "payments"))
    assert file.phase == "mapping"
    client.post(columns_page(file), {"column_3": "-"})
    while phases.work(file.pk):
        pass
    assert outcomes(file) == ["new"]


BANK = "invoice,reference,amount,date\nFalcon-1,TT1,1000,2026-01-05\n"


@pytest.mark.parametrize("how", ["void", "reverse"])
def test_a_payment_that_was_undone_is_no_longer_unchanged_and_can_be_imported_again(how: str, own: World) -> None:
    client = own.logged_in(Role.AGENT)
    confirmed(client, worked(upload(client, BANK, "payments")))
    assert outcomes(worked(upload(client, BANK, "payments"))) == ["unchanged"]
    receipt = Receipt.objects.get(reference="TT1")
    if how == "void":
        ledger.void_payment(own.account, receipt.pk, make.STAFF)
    else:
        ledger.reverse_payment(own.account, own.invoice.pk, receipt.pk, make.STAFF)
    file = worked(upload(client, BANK, "payments"))
    assert outcomes(file) == ["new"]
    confirmed(client, file)
    assert make.again(own.invoice).balance == 24000
    assert outcomes(worked(upload(client, BANK, "payments"))) == ["unchanged"]


def test_one_transfer_pays_several_invoices_by_one_reference(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    other = make.invoice(own.account, invoice_number="Falcon-2", amount=700, debtor_email="pay@falcon.example")
    text = BANK + "Falcon-2,TT1,600,2026-01-05\nFalcon-2,TT1,600,2026-01-05\n"
    file = confirmed(client, worked(upload(client, text, "payments")))
    assert outcomes(file) == ["new", "new", "refused"]
    assert [make.again(each).balance for each in (own.invoice, other)] == [24000, 100]
    assert outcomes(worked(upload(client, text, "payments"))) == ["unchanged", "unchanged", "refused"]


def test_a_transfer_that_was_split_by_applying_credit_is_unchanged_for_both_invoices(own: World) -> None:
    client = own.logged_in(Role.AGENT)
    other = make.invoice(own.account, invoice_number="Falcon-2", amount=600, debtor_email="pay@falcon.example")
    day = dt.date(2026, 1, 5)
    ledger.record_payment(own.account, own.invoice.pk, make.STAFF, amount=Decimal(25600), paid_at=day, reference="TT1")
    ledger.apply_credit(own.account, other.pk, make.STAFF, key=uuid.uuid4())
    text = "invoice,reference,amount,date\nFalcon-1,TT1,25000,2026-01-05\nFalcon-2,TT1,600,2026-01-05\n"
    assert outcomes(worked(upload(client, text, "payments"))) == ["unchanged", "unchanged"]
