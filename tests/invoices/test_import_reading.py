"""What people's files look like, and what is read of them. Nothing here asks the database."""

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from openpyxl import Workbook

from invoices.imports import cells, columns, reading
from invoices.imports.errors import RowRefused, UnreadableFile

HEADINGS = ["invoice_number", "debtor_name", "amount", "due_date"]
ARABIC = "رقم الفاتورة;اسم العميل;المبلغ;تاريخ الاستحقاق\r\nف-١;مريم الكعبي;100;2026-12-01\r\n"


def read(content: bytes, kind: str = "invoices", encoding: str = "") -> list[tuple[int, dict[str, str]]]:
    """Lines, and their cells by field."""
    with reading.open_file(content, kind, encoding) as file:
        sheet = file.sheet()
        return [
            (line, {name: given[place] for name, place in sheet.columns.items() if place < len(given)})
            for line, given in sheet.rows
        ]


def workbook(*rows: Sequence[Any], hidden_before: bool = False) -> bytes:
    book = Workbook()
    sheet = book.active
    if hidden_before:
        sheet.sheet_state = "hidden"
        sheet.append(["nothing"])
        sheet = book.create_sheet()
    for row in rows:
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1256"])
def test_arabic_is_read_in_the_encodings_that_programs_write(encoding: str) -> None:
    text = ARABIC.replace("ف-١", "F-1")
    ((line, row),) = read(text.encode(encoding))
    assert line == 2
    assert row == {
        "invoice_number": "F-1",
        "debtor_name": "مريم الكعبي",
        "amount": "100",
        "due_date": "2026-12-01",
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("before", ["", "sep={}\n"])
def test_the_delimiter_is_found(delimiter: str, before: str) -> None:
    text = before.format(delimiter) + f"{delimiter.join(HEADINGS)}\nN-1{delimiter}A; B, C{delimiter}1{delimiter}\n"
    text = text.replace("A; B, C", '"A; B, C"')
    ((line, row),) = read(text.encode())
    assert (line, row["debtor_name"]) == (3 if before else 2, "A; B, C")


def test_titles_above_the_headings_and_empty_rows_are_skipped_and_lines_are_counted_as_an_editor_does() -> None:
    text = 'Receivables,,,\n\nInvoice #,Customer,Total,Due Date\nN-1,"Two\nlines",1,\n,,,\n"N-2",x,1,\n'
    assert [(line, row["invoice_number"]) for line, row in read(text.encode())] == [(4, "N-1"), (7, "N-2")]


@pytest.mark.parametrize(
    "headings",
    [
        "Invoice No.,Customer Name,Grand Total,Payment Due Date",
        "DEBTOR NAME ,Amount,Due_Date,Invoice-Number",
        "رقم الفاتوره,العميل,الاجمالي,تاريخ الإستحقاق",
        "number,name,total,due",
    ],
)
def test_common_headings_are_known(headings: str) -> None:
    assert columns.map_columns("invoices", headings.split(",")).columns.keys() == set(HEADINGS)


def test_our_own_names_win_over_common_ones_and_a_column_stands_for_one_field() -> None:
    found = columns.map_columns("payments", ["date", "amount", "paid", "invoice", "reference", "paid_at"]).columns
    assert found == {"paid_at": 5, "amount": 1, "invoice_number": 3, "reference": 4}


def test_a_needed_column_that_is_missing_is_named_with_the_headings_that_were_found() -> None:
    with pytest.raises(
        UnreadableFile, match=r"No column is called Debtor, .*Due\. The headings are: invoice, colour\."
    ):
        read(b"invoice,colour\n1,2\n")


def test_columns_that_mean_nothing_are_told() -> None:
    with reading.open_file(b"invoice,name,total,due,colour,status,\n", "invoices") as file:
        sheet = file.sheet()
    assert [sheet.headings[position] for position in sheet.mapping.unknown if sheet.headings[position]] == ["colour"]


def test_a_workbook_is_read_by_the_types_of_its_cells() -> None:
    content = workbook(
        ["Report of the day"],
        HEADINGS,
        [1001, "مريم", 0.1 + 0.2, dt.datetime.fromisoformat("2026-12-01T09:30")],
        [None, None, None, None],
        [1002.0, "=1+1", 25000, dt.date(2026, 12, 2)],
        ["'=N-3", "x", 1e-7, "2026-12-03"],
    )
    assert read(content) == [
        (3, {"invoice_number": "1001", "debtor_name": "مريم", "amount": "0.3", "due_date": "2026-12-01"}),
        # A formula has the value that a program last worked out: none here.
        (5, {"invoice_number": "1002", "debtor_name": "", "amount": "25000", "due_date": "2026-12-02"}),
        (6, {"invoice_number": "=N-3", "debtor_name": "x", "amount": "1e-07", "due_date": "2026-12-03"}),
    ]


def test_the_first_sheet_that_is_shown_is_read() -> None:
    content = workbook(HEADINGS, ["N-1", "x", 1, "2026-12-03"], hidden_before=True)
    assert [row["invoice_number"] for _, row in read(content)] == ["N-1"]


def bomb(name: str = "xl/worksheets/sheet1.xml", size: int = 210 << 20) -> bytes:
    """Some hundred megabytes of nothing, in some hundred kilobytes."""
    file = io.BytesIO(workbook(HEADINGS))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as parts, parts.open(name + ".bin", "w") as part:
        for _ in range(size >> 20):
            part.write(bytes(1 << 20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"x" * (reading.MAX_BYTES + 1), "larger than 20 MB"),
        (b"PK\x03\x04 and no more", "can't be read"),
        (workbook(HEADINGS)[:1500], "can't be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old one", "old format"),
        (b"%PDF-1.7\n" + bytes(range(256)), "No column is called"),
        (b'invoice_number,"' + b"x" * 200_000, "not a valid CSV"),
    ],
)
def test_what_is_no_such_file_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        read(content)


def test_a_workbook_that_unpacks_to_far_more_is_not_unpacked() -> None:
    content = bomb()
    assert len(content) < 1 << 20
    with pytest.raises(UnreadableFile, match="too large"):
        read(content)


def test_a_file_with_too_many_rows_is_refused_when_they_are_counted() -> None:
    content = (",".join(HEADINGS) + "\n" + "N,x,1,2026-12-01\n" * (reading.MAX_ROWS + 1)).encode()
    with pytest.raises(UnreadableFile, match="more than 50000 rows"):
        read(content)


@pytest.mark.parametrize(
    ("text", "currency", "read"),
    [
        ("25000", "AED", "25000"),
        ("25,000", "AED", "25000"),
        ("1,250.50", "AED", "1250.50"),
        ("1,234,567", "AED", "1234567"),
        ("1.234.567,5", "EUR", "1234567.5"),
        ("1.250,50", "EUR", "1250.50"),
        ("12,5", "EUR", "12.5"),
        ("0,125", "KWD", "0.125"),
        ("1.250", "KWD", "1.250"),
        ("0.500", "AED", "0.500"),
        ("1 250.50", "AED", "1250.50"),
        ("1\u00a0250,50", "EUR", "1250.50"),
        ("1'250.50", "CHF", "1250.50"),
        ("١٬٢٥٠٫٥٠", "AED", "1250.50"),
        ("۱۲۵۰", "AED", "1250"),
        ("AED 1,250.50", "AED", "1250.50"),
        ("1250.50 aed", "AED", "1250.50"),
        ("-5", "AED", "-5"),
        ("about 5", "AED", "about5"),
        ("1,25,000", "INR", "1,25,000"),
        ("USD 5", "AED", "USD5"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, currency: str, read: str) -> None:
    assert cells.amount(text, currency) == read


@pytest.mark.parametrize(("text", "currency"), [("1.250", "AED"), ("25.000", "EUR"), ("1,250", "KWD")])
def test_an_amount_that_reads_in_two_ways_is_refused(text: str, currency: str) -> None:
    with pytest.raises(RowRefused, match="ambiguous"):
        cells.amount(text, currency)


@pytest.mark.parametrize(
    ("text", "order", "read"),
    [
        ("2026-02-14", "", "2026-02-14"),
        ("2026/2/14", "", "2026-02-14"),
        ("2026-02-14 00:00:00", "", "2026-02-14"),
        ("2026-02-14T10:30:00Z", "", "2026-02-14"),
        ("14/02/2026", "", "2026-02-14"),
        ("02/14/2026", "", "2026-02-14"),
        ("05/05/2026", "", "2026-05-05"),
        ("14.2.2026", "", "2026-02-14"),
        ("14-Feb-2026", "", "2026-02-14"),
        ("14 February 2026", "", "2026-02-14"),
        ("03/04/2026", "dmy", "2026-04-03"),
        ("03/04/2026", "mdy", "2026-03-04"),
        ("٠٣/٠٤/٢٠٢٦", "dmy", "2026-04-03"),
        ("14/02/26", "", "14/02/26"),
        ("soon", "", "soon"),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, order: str, read: str) -> None:
    assert cells.date(text, order) == read


@pytest.mark.parametrize(
    ("text", "order"),
    [("03/04/2026", ""), ("31/02/2026", ""), ("14/02/2026", "mdy"), ("2026-13-01", ""), ("14-Foo-2026", "")],
)
def test_a_date_that_reads_in_two_ways_or_is_none_is_refused(text: str, order: str) -> None:
    with pytest.raises(RowRefused):
        cells.date(text, order)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("+971 50 123 4567", "+971 50 123 4567"),
        ("0501234567", "0501234567"),
        ("966501234567", "+966501234567"),
        ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
        ("call me", "call me"),
    ],
)
def test_a_phone_that_lost_its_plus_in_a_sheet_gets_it_back(text: str, read: str) -> None:
    assert cells.phone(text, "AE") == read
