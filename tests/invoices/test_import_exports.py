"""Exports of accounting programs: closed invoices are not chased, and what is left to pay is what is asked for."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook

from invoices.imports import phases
from invoices.models import Invoice
from invoices.models.imports import Import
from tests import make
from tests.invoices import exports

pytestmark = pytest.mark.django_db

NEW, CLOSED, REPEATED, REFUSED = "new", "closed", "repeated", "refused"


def checked(text: str, *, account: Any = None, currency: str = "AED", **how: str) -> Import:
    account = account or make.account()
    file = phases.start(
        account, make.user(account), kind="invoices", file_name="x.csv", content=text.encode(), currency=currency, **how
    )
    return worked(file)


def worked(file: Import) -> Import:
    while phases.work(file.pk):
        pass
    return Import.objects.get(pk=file.pk)


def confirmed(file: Import) -> Import:
    phases.confirm(file, "me@example.com")
    return worked(file)


def outcomes(file: Import) -> list[str]:
    return list(file.rows.order_by("line").values_list("outcome", flat=True))


def reasons(file: Import) -> dict[str, str]:
    return {row.said["invoice_number"]: row.reason for row in file.rows.filter(outcome=REFUSED)}


def registered(file: Import) -> dict[str, tuple[Decimal, Decimal, str]]:
    """Return the amount, the balance and the currency of each invoice that the file registers."""
    confirmed(file)
    found = Invoice.objects.filter(account=file.account)
    return {each.invoice_number: (each.amount, each.balance, each.currency) for each in found}


def D(text: str) -> Decimal:
    return Decimal(text)


@pytest.mark.parametrize(
    ("text", "product", "expected", "invoices"),
    [
        pytest.param(
            exports.XERO,
            "Xero",
            [NEW, REPEATED, NEW, CLOSED, CLOSED, REFUSED, REFUSED, REFUSED],
            {"INV-0101": (D("1050"), D("1050"), "AED"), "INV-0102": (D("2100"), D("1500"), "USD")},
            id="Xero",
        ),
        pytest.param(
            exports.XERO_LIST,
            "Xero",
            [NEW, NEW, CLOSED],
            {"INV-0201": (D("800"), D("800"), "AED"), "INV-0202": (D("1000"), D("700"), "AED")},
            id="Xero's list",
        ),
        pytest.param(
            exports.QUICKBOOKS_ONLINE,
            "QuickBooks Online",
            [NEW, NEW, CLOSED, REFUSED, REFUSED, CLOSED, REFUSED],
            {"1001": (D("1000"), D("1000"), "AED"), "1002": (D("2000"), D("500"), "AED")},
            id="QuickBooks Online",
        ),
        pytest.param(
            exports.QUICKBOOKS_LINES,
            "QuickBooks Online",
            [REFUSED, REFUSED, NEW, REFUSED, REFUSED],
            {"1002": (D("700"), D("700"), "AED")},
            id="QuickBooks Online by line",
        ),
        pytest.param(
            exports.QUICKBOOKS_DESKTOP,
            "QuickBooks Desktop",
            [NEW, REFUSED, REFUSED],
            {"2001": (D("1250"), D("1250"), "AED")},
            id="QuickBooks Desktop",
        ),
        pytest.param(
            exports.ZOHO,
            "Zoho Books",
            [NEW, REPEATED, NEW, CLOSED, CLOSED, REFUSED, REFUSED],
            {"INV-000301": (D("1050"), D("1050"), "AED"), "INV-000302": (D("2100"), D("1500"), "USD")},
            id="Zoho Books",
        ),
        pytest.param(
            exports.SAGE_50,
            "Sage 50",
            [NEW, NEW, REFUSED, REFUSED, CLOSED],
            {"8001": (D("1050"), D("1050"), "AED"), "8002": (D("2100"), D("100"), "AED")},
            id="Sage 50",
        ),
        pytest.param(
            exports.SAGE_INTACCT,
            "Sage Intacct",
            [NEW, NEW, CLOSED, CLOSED, REFUSED],
            {"SI-9001": (D("1800"), D("1800"), "USD"), "SI-9002": (D("1000"), D("600"), "AED")},
            id="Sage Intacct",
        ),
        pytest.param(
            exports.SAGE_BUSINESS_CLOUD,
            "Sage Business Cloud",
            [NEW, NEW, CLOSED, CLOSED],
            {"SI-101": (D("1050"), D("1050"), "AED"), "SI-102": (D("2100"), D("600"), "AED")},
            id="Sage Business Cloud",
        ),
        pytest.param(
            exports.ODOO,
            "Odoo",
            [NEW, NEW, CLOSED, CLOSED, CLOSED, REFUSED, CLOSED, REFUSED, REFUSED],
            {"INV/2026/00001": (D("1050"), D("1050"), "AED"), "INV/2026/00002": (D("2100"), D("600"), "AED")},
            id="Odoo",
        ),
        pytest.param(
            exports.TALLY,
            "Tally",
            [NEW, NEW, REFUSED, REFUSED],
            {"S/101": (D("128500"), D("128500"), "AED"), "S/102": (D("50000"), D("20000"), "AED")},
            id="Tally",
        ),
        pytest.param(
            exports.ARABIC,
            "",
            [NEW, NEW, CLOSED, CLOSED, REFUSED, NEW],
            {
                "ف-1": (D("1050"), D("1050"), "AED"),
                "ف-2": (D("2100"), D("1500"), "AED"),
                "ف-6": (D("315"), D("315"), "AED"),
            },
            id="Arabic",
        ),
    ],
)
def test_an_export_registers_what_is_open_with_what_is_left_of_it(
    text: str, product: str, expected: list[str], invoices: dict[str, Any]
) -> None:
    file = checked(text)
    assert (file.phase, file.survey.get("product")) == ("checked", product)
    assert outcomes(file) == expected
    assert registered(file) == invoices


def test_refusals_say_why_and_what_to_send_instead() -> None:
    xero, odoo = reasons(checked(exports.XERO)), reasons(checked(exports.ODOO))
    assert "draft" in xero["INV-0105"]
    assert "draft" in xero["INV-0106"]
    assert "credit note" in xero["CN-0001"]
    assert "looks like a credit note" in odoo["RINV/2026/00001"]
    assert "currency of your books" in odoo["INV/2026/00007"] or "is more than" in odoo["INV/2026/00007"]
    quickbooks = reasons(checked(exports.QUICKBOOKS_ONLINE))
    assert "is a payment" in quickbooks["1004"]
    assert "is a credit note" in quickbooks["1005"]
    lines = reasons(checked(exports.QUICKBOOKS_LINES))
    assert "lines 2, 3" in lines["1001"]
    assert "100.00 on line 5, 80.00 on line 6" in lines["1003"]
    zoho = reasons(checked(exports.ZOHO))
    assert zoho["INV-000306"] == "The status is “Paid”, but AED 15.00 is outstanding."


HEAD = "invoice,customer,due date"


@pytest.mark.parametrize(
    ("headings", "cells", "said"),
    [
        ("Total,Balance", "100,150", "Balance (AED 150.00) is more than Amount (AED 100.00)."),
        ("Total,Paid,Balance", "100,60,60", "AED 100.00 in total, AED 60.00 paid, AED 60.00 outstanding."),
        ("Total,Balance,Status", "100,100,Paid", "The status is “Paid”, but AED 100.00 is outstanding."),
        ("Total,Paid,Status", "100,40,Paid", "The status is “Paid”, but AED 60.00 is outstanding."),
        ("Total,Balance,Status", "100,0,Overdue", "The status is “Overdue”, but nothing is outstanding."),
        ("Total,Balance,Status", "100,100,Partially paid", "but the whole AED 100.00 is outstanding."),
        ("Total,Status", "100,Partially paid", "does not say how much is paid or left"),
        ("Total,Balance,Status", "100,40,Unpaid", "but only AED 40.00 of AED 100.00 is outstanding."),
        ("Total,Status", "100,Frozen solid", "The status “Frozen solid” is unknown"),
        ("Total,Status,Payment status", "100,Overdue,Paid", "contradict each other"),
        ("Total,Balance", "100,-20", "Balance: -20 is below 0, which looks like a credit note."),
        ("Total", "-5", "Amount: -5 is below 0, which looks like a credit note."),
        ("Total", "(5.00)", "looks like a credit note"),
        ("Total", "5.00-", "looks like a credit note"),
        ("Total", "−5", "looks like a credit note"),
        ("Total", "0", "Amount is 0: there is nothing to collect."),
        ("Total", "five", "Amount: “five” is not a number. Send digits, such as 1250.50."),
        ("Total", "USD 1800", "is not in the row's currency, AED"),
        ("Total", "$1800", "is not in the row's currency, AED"),
        ("Total,Currency", "100,Dollars", "“Dollars” is not a known currency"),
        ("Total,Status", "100,Disputed", "Register it in the dashboard first"),
        ("Total,Type", "100,Bill", "is owed by you"),
    ],
)
def test_a_contradiction_is_told_and_never_decided(headings: str, cells: str, said: str) -> None:
    # A second row, so that "Type" is a kind of document in this file.
    kind = ",Invoice" if "Type" in headings else "," * headings.count(",")
    file = checked(f"{HEAD},{headings}\nN-1,Omar,2998-01-01,{cells}\nN-2,Omar,2998-01-01,7{kind}\n")
    row = file.rows.get(line=2)
    assert (row.outcome, said in row.reason) == (REFUSED, True), row.reason
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("headings", "cells", "left"),
    [
        ("Amount,Open balance", "1000,400", 400),
        ("Invoice Total,Amount Due", "1000,400", 400),
        ("Total,InvoiceAmountPaid", "1000,600", 400),
        ("Total,Residual", "1000,400", 400),
        ("Balance Due", "400", 400),
        ("المبلغ,المتبقي", "1000,400", 400),
        ("المبلغ,المسدد", "1000,600", 400),
        ("Total,Balance,Credits applied", "1000,400,100", 400),
        ("Total,Paid,Balance", "1000,,400", 400),
        ("Total,Balance", "1000,", 1000),
        ("Total,Status", "1000,Sent", 1000),
        ("Total,State", "1000,overdue by 12 days", 1000),
        ("Total,State", "1000,12 days overdue", 1000),
        ("Total,State", "1000,Open (Sent)", 1000),
        ("Total,State,Balance", "1000,PARTIALLY-PAID,400", 400),
        ("Total,الحالة", "1000,متأخرة 5 أيام", 1000),
    ],
)
def test_the_balance_gives_the_opening_payment(headings: str, cells: str, left: int) -> None:
    file = checked(f"{HEAD},{headings}\nN-1,Omar,2998-01-01,{cells}\n")
    assert outcomes(file) == [NEW], file.rows.get().reason
    assert registered(file)["N-1"][1] == left


@pytest.mark.parametrize(
    "status",
    [
        *("Paid", "PAID", "Voided", "Void", "Deleted", "Closed", "Cancelled", "Canceled", "Written off", "Refunded"),
        *(
            "Paid in full",
            "Deposited",
            "In Payment",
            "Bad debt",
            "مدفوعة",
            "ملغاة",
            "مسددة بالكامل",
            "محذوفة",
            "معدومة",
        ),
    ],
)
def test_a_closed_row_is_counted_and_not_registered(status: str) -> None:
    file = checked(f"{HEAD},Total,Status\nN-1,Omar,2026-01-01,100,{status}\n")
    assert (outcomes(file), phases.counts(file)["closed"], phases.counts(file)["to_do"]) == ([CLOSED], 1, 0)


@pytest.mark.parametrize("balance", ["-", " -   ", "–", "nil", "0.00"])
def test_a_balance_that_is_a_dash_is_nothing_left(balance: str) -> None:
    file = checked(f"{HEAD},Total,Balance Due\nN-1,Omar,2998-01-01,100,{balance}\nN-2,Omar,2998-01-01,100,40\n")
    assert outcomes(file) == [CLOSED, NEW]


def test_a_closed_row_needs_no_more_than_its_number() -> None:
    assert outcomes(checked(f"{HEAD},Total,Status\nN-1,,soon,,Void\n")) == [CLOSED]


@pytest.mark.parametrize("heading", ["Curr", "Ccy", "Cur", "Currency Code", "العملة", "عملة الفاتورة"])
def test_a_currency_column_by_any_name_is_the_rows_currency(heading: str) -> None:
    assert registered(checked(f"{HEAD},amount,{heading}\nN-1,Omar,2998-01-01,1800,USD\n"))["N-1"] == (
        D("1800"),
        D("1800"),
        "USD",
    )


def test_a_column_paid_with_yes_and_no_is_a_status() -> None:
    file = checked(f"{HEAD},Total,Paid\nN-1,Omar,2998-01-01,100,Y\nN-2,Omar,2998-01-01,100,N\n")
    assert outcomes(file) == [CLOSED, NEW]


# --- One invoice on several rows -----------------------------------------------------------------------------------


def test_equal_amounts_under_a_plain_heading_are_not_taken_for_a_total() -> None:
    file = checked(f"{HEAD},amount\nN-1,Omar,2998-01-01,100\nN-1,Omar,2998-01-01,100\n")
    assert outcomes(file) == [REFUSED, REFUSED]
    assert "“amount” may be the amount of each line or of the whole invoice" in file.rows.get(line=2).reason


def test_a_total_beside_prices_of_lines_may_be_a_lines_own() -> None:
    file = checked(f"{HEAD},qty,unit price,total\nN-1,A,2998-01-01,1,9,9\nN-1,A,2998-01-01,1,9,9\n")
    choice = {column["key"]: "" for column in file.survey["unknown"]}
    from invoices.imports import mapping

    mapping.decide(file, choice, "me@example.com")
    assert outcomes(worked(file)) == [REFUSED, REFUSED]


def test_rows_that_differ_in_the_debtor_are_refused_with_both() -> None:
    file = checked(f"{HEAD},invoice total\nN-1,Omar,2998-01-01,100\nN-1,Layla,2998-01-01,100\n")
    assert outcomes(file) == [REFUSED, REFUSED]
    assert "differ in Debtor: Omar on line 2, Layla on line 3" in file.rows.get(line=2).reason


def test_lines_without_the_invoices_cells_belong_to_the_one_above() -> None:
    """Odoo and Zoho's tables have them."""
    file = checked(
        "Number,Partner,Due Date,Total,Payment Status,Invoice lines/Label\n"
        "INV/1,Omar,2998-01-01,100,Not Paid,Cabling\n,,,,,Installation\nINV/2,Layla,2998-01-01,50,Not Paid,Repair\n"
    )
    assert outcomes(file) == [NEW, REPEATED, NEW]
    assert registered(file) == {"INV/1": (D("100"), D("100"), "AED"), "INV/2": (D("50"), D("50"), "AED")}


# --- Dates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "due"),
    [
        (["05/11/2998", "25/11/2998"], [dt.date(2998, 11, 5), dt.date(2998, 11, 25)]),
        (["05/11/2998", "11/25/2998"], [dt.date(2998, 5, 11), dt.date(2998, 11, 25)]),
        (["25-11-2998", "05.11.2998"], [dt.date(2998, 11, 25), dt.date(2998, 11, 5)]),
        (["٠٥/١١/٢٩٩٨", "25/11/2998"], [dt.date(2998, 11, 5), dt.date(2998, 11, 25)]),
    ],
)
def test_a_file_has_one_order_of_day_and_month(dates: list[str], due: list[dt.date]) -> None:
    rows = "".join(f"N-{n},Omar,{date},100\n" for n, date in enumerate(dates))
    registered(file := checked(f"{HEAD},total\n{rows}"))
    found = Invoice.objects.filter(account=file.account).order_by("invoice_number").values_list("due_date", flat=True)
    assert list(found) == due


def test_the_order_shows_in_any_date_column_of_any_row_also_of_a_closed_one() -> None:
    file = checked(
        "invoice,customer,invoice date,due date,total,status\n"
        "N-1,Omar,05/10/2026,05/11/2998,100,Open\nN-2,Omar,25/10/2026,05/11/2026,100,Paid\n"
    )
    assert outcomes(file) == [NEW, CLOSED]
    assert file.rows.get(line=2).said["due_date"] == "2998-11-05"


def test_a_file_without_a_deciding_date_still_asks() -> None:
    file = checked(f"{HEAD},total\nN-1,Omar,05/11/2998,100\n")
    assert outcomes(file) == [REFUSED]
    assert "say which comes first" in file.rows.get().reason
    assert outcomes(checked(f"{HEAD},total\nN-1,Omar,05/11/2998,100\n", date_order="dmy")) == [NEW]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("", "Line 2 has 25/11/2998, but line 3 has 11/26/2998."),
        ("mdy", "Line 2 has 25/11/2998, but line 3 has 11/26/2998."),
    ],
)
def test_dates_that_contradict_each_other_are_told(order: str, said: str) -> None:
    rows = "N-1,Omar,25/11/2998,1\nN-2,Omar,11/26/2998,1\nN-3,Omar,05/11/2998,1\n"
    file = checked(f"{HEAD},total\n{rows}", date_order=order)
    assert file.survey["date_conflict"] == said
    assert outcomes(file)[2] == REFUSED
    assert said in file.rows.get(line=4).reason


def test_a_chosen_order_that_the_file_contradicts_is_not_taken() -> None:
    file = checked(f"{HEAD},total\nN-1,Omar,25/11/2998,1\nN-2,Omar,05/11/2998,1\n", date_order="mdy")
    assert outcomes(file) == [NEW, REFUSED]
    assert "You chose that the month comes first, but line 2 has 25/11/2998." in file.rows.get(line=3).reason


# --- Workbooks -----------------------------------------------------------------------------------------------------


def workbook(*rows: list[Any], formats: dict[str, str] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for cell, number_format in (formats or {}).items():
        sheet[cell].number_format = number_format
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def of_workbook(content: bytes) -> Import:
    account = make.account()
    person = make.user(account)
    return worked(phases.start(account, person, kind="invoices", file_name="x.xlsx", content=content, currency="AED"))


@pytest.mark.parametrize("shown", ["[$USD] #,##0.00", '"USD" 0.00', "[$USD-409]#,##0", "$#,##0.00", '"US$"0'])
def test_a_currency_that_only_a_cells_format_shows_is_not_passed_over(shown: str) -> None:
    head = ["invoice", "customer", "due date", "amount"]
    file = of_workbook(workbook(head, ["N-1", "Omar", dt.date(2998, 1, 1), 1800], formats={"D2": shown}))
    assert outcomes(file) == [REFUSED]
    assert "is not in the row's currency, AED" in file.rows.get().reason
    with_currency = workbook(
        [*head, "currency"], ["N-1", "Omar", dt.date(2998, 1, 1), 1800, "USD"], formats={"D2": shown}
    )
    assert registered(of_workbook(with_currency))["N-1"] == (D("1800"), D("1800"), "USD")


def test_real_dates_of_a_workbook_are_as_they_are_beside_dates_in_text() -> None:
    head = ["invoice", "customer", "due date", "total"]
    rows = [
        ["N-1", "Omar", dt.date(2998, 5, 11), 1],
        ["N-2", "Omar", "05/11/2998", 1],
        ["N-3", "x", "25/11/2998", 1],
    ]
    file = of_workbook(workbook(head, *rows, formats={"D2": "[$-409]#,##0.00", "D3": "[$AED] 0"}))
    assert [row.said["due_date"] for row in file.rows.order_by("line")] == ["2998-05-11", "2998-11-05", "2998-11-25"]
    assert outcomes(file) == [NEW, NEW, NEW]


def test_a_status_column_beyond_the_most_that_is_read_is_not_passed_over() -> None:
    head = ["invoice", "customer", "due date", "total", *[""] * 250, "status"]
    row = ["N-1", "Omar", "2998-01-01", 1, *[""] * 250, "Paid"]
    for content in (workbook(head, row), "\n".join(",".join(map(str, each)) for each in (head, row)).encode()):
        account = make.account()
        file = worked(phases.start(account, make.user(account), kind="invoices", file_name="x", content=content))
        assert (file.phase, file.failure) == ("failed", "The file has more than 250 columns.")
