"""What is read from banks' files. No database is needed."""

import io
import re
from decimal import Decimal

import pytest

from invoices.bank import reading
from invoices.bank.parsing.files import records_of
from invoices.bank.reading import ParsedEntry, ParsedStatement
from invoices.imports.errors import FileRefused, UnreadableFile
from tests.invoices.bank.samples import IBAN, mt940, sample, table


def read(content: bytes | str, **options: str) -> list[ParsedStatement]:
    """What the parser reads, without the process around it, which takes longer than the rest."""
    content = content.encode() if isinstance(content, str) else content
    given = {"encoding": "", "date_order": "", "account": "", "currency": "", **options}
    try:
        reading.check_upload(len(content))
        return reading.statements_of(records_of(io.BytesIO(content), given), given["account"])
    except FileRefused as refusal:
        raise UnreadableFile(reading.message(refusal)) from refusal


def entries(content: bytes | str, **options: str) -> list[ParsedEntry]:
    return [entry for statement in read(content, **options) for entry in statement.entries]


def refusal(content: bytes | str, **options: str) -> str:
    with pytest.raises(UnreadableFile) as caught:
        read(content, **options)
    return str(caught.value)


# --- CAMT.053 ----------------------------------------------------------------------------------------------------


def test_a_batch_entry_of_camt_is_one_line_for_each_transaction_with_its_own_reference() -> None:
    statement = read(sample("camt_v08.xml"))[0]
    batch = statement.entries[:3]
    assert [entry.amount for entry in batch] == [Decimal(1000)] * 3
    assert [entry.end_to_end for entry in batch] == ["E-1", "", ""]
    assert [entry.text for entry in batch] == ["INV-1", "advance", "advance"]
    assert batch[0].payer_name == "Gulf Trading LLC"
    assert batch[0].payer_account == "AE460090000000123456789"
    assert all(entry.is_shared for entry in batch)


def test_camt_tells_the_account_the_period_and_the_balances() -> None:
    statement = read(sample("camt_v08.xml"))[0]
    assert (statement.account, statement.currency, statement.statement_id) == (IBAN, "AED", "STMT-2026-308")
    assert (str(statement.from_date), str(statement.to_date)) == ("2026-11-03", "2026-11-03")
    assert (statement.opening, statement.closing) == (Decimal(1000), Decimal(4450))
    assert sum(entry.amount for entry in statement.entries) == statement.closing - statement.opening  # type: ignore[operator]


def test_pending_entries_and_entries_of_zero_are_left_out_and_counted() -> None:
    statement = read(sample("camt_v08.xml"))[0]
    assert len(statement.entries) == 5
    assert statement.skipped == 2


def test_a_converted_payment_has_the_amount_of_the_account_and_remembers_the_original() -> None:
    entry = read(sample("camt_v08.xml"))[0].entries[3]
    assert (entry.amount, entry.currency) == (Decimal(550), "AED")
    assert (entry.original_amount, entry.original_currency) == (Decimal(150), "USD")
    assert entry.payer_name == "Acme Inc"  # on whose behalf Wise paid


def test_a_reversed_credit_is_a_return_with_its_reason() -> None:
    entry = read(sample("camt_v08.xml"))[0].entries[4]
    assert (entry.amount, entry.is_return, entry.end_to_end) == (Decimal(-100), True, "E-0")
    assert entry.return_reason == "AC04 Account closed"


def test_version_02_with_a_prefix_for_its_namespace_is_read_alike() -> None:
    statement = read(sample("camt_v02.xml"))[0]
    entry = statement.entries[0]
    assert (statement.opening, statement.closing) == (Decimal(-50), Decimal(4710))
    assert (entry.payer_name, entry.text) == ("Müller & Söhne GmbH", "RE INV-1001 UND INV-1002")
    assert (entry.bank_reference, entry.end_to_end) == ("2026110300001", "E2E-4711")


@pytest.mark.parametrize("version", range(2, 13))
def test_the_namespace_of_every_version_is_accepted(version: int) -> None:
    content = sample("camt_v08.xml").replace(b"camt.053.001.08", f"camt.053.001.{version:02}".encode())
    assert len(entries(content)) == 5


def test_a_batch_whose_parts_do_not_add_up_stays_one_line() -> None:
    content = sample("camt_v08.xml").replace(b'<Amt Ccy="AED">3000.00', b'<Amt Ccy="AED">2990.00')
    assert [entry.amount for entry in entries(content)][:2] == [Decimal(2990), Decimal(550)]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_camt_file_cut_in_the_middle_is_refused_and_the_line_is_named(share: float) -> None:
    content = sample("camt_v08.xml")
    cut = content[: int(len(content) * share)]
    last = cut.count(b"\n") + 1
    assert f"line {last}" in refusal(cut)


def test_entities_of_xml_are_refused() -> None:
    bomb = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<Document><BkToCstmrStmt><Stmt><Id>&lol2;</Id></Stmt></BkToCstmrStmt></Document>"""
    assert "line 2" in refusal(bomb)
    outside = b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document/>'
    assert "line 1" in refusal(outside)


def test_deep_and_endless_xml_is_refused() -> None:
    assert "nested too deeply" in refusal(b"<Document>" * 100)
    wide = b"<Document><BkToCstmrStmt><Stmt>" + b"<a/>" * 2_100_000
    assert "too many entries" in refusal(wide)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"AED">550.00', b'"AED">-550.00', "“-550.00” is not a valid amount"),
        (b'"AED">550.00', b'"AED">55O.00', "“55O.00” is not a valid amount"),
        (b'"AED">550.00', b'"AED">550.0001', "is not a valid amount"),
        (b'"AED">550.00', b'"AED">1e40', "is not a valid amount"),
        (b'"AED">550.00', b'"XXX">550.00', "not a known currency"),
        (b'"AED">550.00', b'"EUR">550.00', "is in EUR, but the account is in AED"),
        (b"2026-11-03T22:10", b"2026-13-03T22:10", "is not a date"),
        (b"BkToCstmrStmt>", b"BkToCstmrAcctRpt>", "CAMT.052"),
    ],
)
def test_an_invalid_part_of_camt_refuses_the_whole_file(old: bytes, new: bytes, said: str) -> None:
    assert said in refusal(sample("camt_v08.xml").replace(old, new))


def entry_of_camt(amount: str = "100.00", sign: str = "CRDT", status: str = "<Sts>BOOK</Sts>", more: str = "") -> str:
    return (
        "<BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>AE070331234567890123456</IBAN></Id></Acct><Ntry>"
        f'<Amt Ccy="AED">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{status}<BookgDt><Dt>2026-11-03</Dt></BookgDt>'
        f'{more}</Ntry><Ntry><Amt Ccy="AED">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        "<BookgDt><Dt>2026-11-03</Dt></BookgDt></Ntry><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>"
        '<Amt Ccy="AED">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal></Stmt></BkToCstmrStmt>'
    )


@pytest.mark.parametrize("status", ["<Sts><Cd>PDNG</Cd></Sts>", "<Sts><Prtry>PENDING</Prtry></Sts>", "<Sts>INFO</Sts>"])
def test_only_a_booked_entry_of_camt_is_a_line(status: str) -> None:
    (statement,) = read(entry_of_camt(status=status))
    assert ([entry.amount for entry in statement.entries], statement.skipped) == ([Decimal(1)], 1)


@pytest.mark.parametrize("amount", ["1_00", "1e2", "1,00", "-5", "NaN", "Infinity", "٥", "", "1 0"])
def test_an_amount_of_camt_is_a_plain_decimal_number(amount: str) -> None:
    assert "is not a valid amount" in refusal(entry_of_camt(amount=amount))


_RETURNED = "<Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>{}</SubFmlyCd></Fmly></Domn>"


@pytest.mark.parametrize(
    "more",
    [
        f"<BkTxCd>{_RETURNED.format('RRTN')}</BkTxCd>",
        f"<BkTxCd>{_RETURNED.format('UPCQ')}</BkTxCd><NtryDtls><TxDtls/></NtryDtls>",
        "<NtryDtls><TxDtls><RtrInf/></TxDtls><TxDtls><RtrInf/></TxDtls></NtryDtls>",
        f"<NtryDtls><TxDtls><BkTxCd>{_RETURNED.format('UPDD')}</BkTxCd></TxDtls><TxDtls/></NtryDtls>",
    ],
)
def test_a_return_is_seen_on_the_entry_and_in_a_batch_that_is_not_split(more: str) -> None:
    first = entries(entry_of_camt(sign="DBIT", more=more))[0]
    assert (first.amount, first.is_return) == (Decimal(-100), True)


# --- MT940 -------------------------------------------------------------------------------------------------------


def test_the_structured_fields_of_german_banks() -> None:
    first, second = read(sample("german.sta"))
    entry = first.entries[0]
    assert entry.payer_name == "Muster Handelsgesellschaft mbH"
    assert entry.payer_account == "DE44500105175407324931"
    assert entry.text == "RE INV-1001 VOM 15.10.2026 UND INV-1002 KD 88"
    assert entry.end_to_end == "E2E-2026-4711"
    assert first.sequence == "00231/001"
    assert (first.closing, second.opening) == (Decimal("15747.10"), Decimal("15747.10"))


def test_equal_payments_of_a_day_are_two_entries() -> None:
    same = [entry for entry in entries(sample("german.sta")) if entry.text == "Miete"]
    assert [(entry.amount, entry.bank_reference) for entry in same] == [
        (Decimal(500), "2611030001"),
        (Decimal(500), "2611030002"),
    ]


def test_a_reversed_credit_of_mt940_takes_the_money_out() -> None:
    entry = read(sample("german.sta"))[1].entries[0]
    assert (entry.amount, entry.is_return) == (Decimal(-500), True)
    assert "901" in entry.return_reason


def test_the_original_amount_of_mt940() -> None:
    entry = read(sample("german.sta"))[1].entries[1]
    assert (entry.amount, entry.original_amount, entry.original_currency) == (Decimal("920.50"), Decimal(1000), "USD")


def test_the_words_between_slashes_and_free_text_of_gulf_banks() -> None:
    statements = read(sample("emirates.sta"))
    first, second, third = statements[0].entries
    assert (first.payer_name, first.text) == ("GULF TRADING LLC", "PAYMENT FOR INV 2026 0042 OCT SERVICES INWARD TT")
    assert second.payer_name == "AL NOOR CONTRACTING EST"
    assert third.amount == Decimal(-105)
    assert [statement.sequence for statement in statements] == ["307/1", "307/2"]
    assert statements[1].skipped == 1


def test_the_free_text_of_american_banks() -> None:
    first, second = entries(sample("american.sta"))
    assert (first.payer_name, first.amount) == ("ACME INDUSTRIES INC", Decimal("1250.75"))
    assert second.payer_name == "WIDGET WORKS"


def test_the_counterparty_of_dutch_banks() -> None:
    statement = read(sample("dutch.sta"))[0]
    assert statement.account == "NL91ABNA0417164300"
    entry = statement.entries[0]
    assert (entry.payer_name, entry.payer_account) == ("Jansen Bouw B.V.", "NL32INGB0000012345")
    assert (entry.text, entry.end_to_end) == ("Factuur 2026-118", "P-77")


def test_the_booking_day_is_in_the_year_next_to_the_value_date() -> None:
    text = ":20:A\n:25:1\n:28C:1\n:60F:C251231AED0,00\n:61:2601021231C5,00NTRFX//Y\n:62F:C251231AED5,00\n"
    assert str(entries(text)[0].day) == "2025-12-31"


@pytest.mark.parametrize("name", ["german.sta", "emirates.sta", "american.sta", "dutch.sta"])
def test_an_mt940_file_cut_at_any_line_within_a_statement_is_refused_and_the_line_is_named(name: str) -> None:
    lines = sample(name).decode().splitlines(keepends=True)
    first_end = next(place for place, line in enumerate(lines) if line.startswith(":62"))
    for count in range(5, first_end + 1, 3):
        assert re.search(r"line \d+|Line \d+", refusal("".join(lines[:count])))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("CR4760,00", "CR476O,00", "Line 5"),
        ("C261030EUR10000,00", "C261030EUR", "not a valid balance"),
        ("261102", "261332", "is not a date"),
        (":20:STARTUMSE\n:25", ":25", "begins with :20:"),
    ],
)
def test_an_invalid_field_of_mt940_refuses_the_whole_file(old: str, new: str, said: str) -> None:
    assert said in refusal(sample("german.sta").decode().replace(old, new, 1))


def test_a_second_statement_before_the_first_one_ended_is_refused() -> None:
    text = mt940([(3, "C5,00", "x")])
    assert ":62F:" in refusal(text.replace(":62F:", ":64:") + text)


def test_statements_below_one_reference_are_all_read() -> None:
    first = mt940([(20, "C100,00//REFERENCE1", "INV-1")]).replace("\n-\n", "\n")
    second = mt940([(21, "C50,00//REFERENCE2", "INV-2")], number="2/1", opening="100,00").partition("\n")[2]
    found = read(first + second)
    assert [(each.sequence, each.account, each.entries[0].amount) for each in found] == [
        ("1/1", IBAN, Decimal(100)),
        ("2/1", IBAN, Decimal(50)),
    ]
    only_balances = read(first + second.partition("\n")[2].partition("\n")[2])
    assert [(each.account, each.opening, each.closing) for each in only_balances] == [
        (IBAN, Decimal(0), Decimal(100)),
        (IBAN, Decimal(100), Decimal(150)),
    ]


def test_an_entry_after_the_closing_balance_is_refused_and_not_left_out() -> None:
    text = mt940([(20, "C100,00//REFERENCE1", "INV-1")]).replace("\n-\n", "\n:61:2611201120C50,00NTRFX//Y\n")
    assert "opening balance (:60F:)" in refusal(text)


def test_lines_above_the_fields_of_a_message_are_left_out() -> None:
    header = "ABNANL2A\n940\nABNANL2A\n"
    first, second = mt940([(20, "C100,00", "INV-1")]), mt940([(21, "C50,00", "INV-2")], number="2/1", opening="100,00")
    found = read(header + first + header + second)
    assert [(each.sequence, each.closing) for each in found] == [("1/1", Decimal(100)), ("2/1", Decimal(150))]


# --- CSV ---------------------------------------------------------------------------------------------------------


def test_debit_and_credit_columns_below_the_account_and_above_totals() -> None:
    statement = read(sample("gulf.csv"))[0]
    assert (statement.account, statement.currency) == (IBAN, "AED")
    assert [entry.amount for entry in statement.entries] == [Decimal(25000), Decimal(-105), Decimal(500)]
    assert (statement.opening, statement.closing) == (Decimal(100000), Decimal(125395))


def test_a_german_csv_with_decimal_commas_and_short_years() -> None:
    first, second = entries(sample("german.csv"))
    assert (first.amount, str(first.day)) == (Decimal(1190), "2026-11-03")
    assert second.amount == Decimal("-85.20")
    assert (first.payer_name, first.payer_account) == ("Muster Handel", "DE44500105175407324931")


def test_an_american_csv_from_new_to_old_with_the_month_first() -> None:
    statement = read(sample("american.csv"), account="1234", currency="USD")[0]
    assert [str(entry.day) for entry in statement.entries] == ["2026-11-12", "2026-11-13"]
    assert [entry.amount for entry in statement.entries] == [Decimal(-300), Decimal("1250.75")]
    assert statement.entries[0].is_return
    assert (statement.opening, statement.closing) == (Decimal(5300), Decimal("6250.75"))


def test_arabic_headings_and_digits() -> None:
    first, second = entries(sample("arabic.csv"))
    assert (first.amount, str(first.day)) == (Decimal(25000), "2026-11-03")
    assert first.payer_name == "شركة الخليج للتجارة ذ.م.م"
    assert second.amount == Decimal("-10.50")


def test_windows_1256_is_recognized() -> None:
    text = "رقم الحساب;123456\nالتاريخ;البيان;مدين;دائن;العملة\n13/11/2026;تحويل من شركة الخليج;;1,250.00;AED\n"
    entry = entries(text.encode("cp1256"))[0]
    assert (entry.text, entry.amount) == ("تحويل من شركة الخليج", Decimal(1250))


def test_the_chosen_encoding_decides() -> None:
    text = "Date,Description,Amount\n2026-11-13,Café,5.00\n"
    found = entries(text.encode("cp1252"), encoding="cp1252", account="1", currency="EUR")
    assert found[0].text == "Café"


def test_the_column_of_the_direction_gives_the_sign() -> None:
    text = "Date;Description;Amount;Cr/Dr;Currency\n2026-11-13;a;10.00;CR;AED\n2026-11-13;b;10.00;Dr;AED\n"
    assert [entry.amount for entry in entries(text, account="1")] == [Decimal(10), Decimal(-10)]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["1.234,56", "500,00"], ["1234.56", "500.00"]),
        (["1,234.56", "1,500"], ["1234.56", "1500"]),
        (["1 234,56", "-7,00"], ["1234.56", "-7.00"]),
        (["(12.50)", "12.50-"], ["-12.50", "-12.50"]),
        (["AED 1,000.00", "50.00 Dr"], ["1000.00", "-50.00"]),
        (["1'234.50", "0.125"], ["1234.50", "0.125"]),
    ],
)
def test_the_decimal_mark_is_that_of_the_whole_file(amounts: list[str], expected: list[str]) -> None:
    rows = "".join(f"2026-11-13;x;{amount}\n" for amount in amounts)
    found = entries("Date;Description;Amount\n" + rows, account="1", currency="AED")
    assert [entry.amount for entry in found] == [Decimal(each) for each in expected]


def test_an_amount_that_could_be_read_in_two_ways_is_refused() -> None:
    text = "Date;Description;Amount\n2026-11-13;x;1.234\n2026-11-13;x;2.500\n"
    assert "Line 2" in refusal(text, account="1", currency="AED")
    assert entries(text, account="1", currency="KWD")[0].amount == Decimal("1.234")


def test_a_date_that_could_be_read_in_two_ways_needs_the_order() -> None:
    text = "Date,Description,Amount\n03/04/2026,x,5.00\n"
    assert "day or the month" in refusal(text, account="1", currency="AED")
    assert str(entries(text, account="1", currency="AED", date_order="mdy")[0].day) == "2026-03-04"
    assert str(entries(text, account="1", currency="AED", date_order="dmy")[0].day) == "2026-04-03"


def test_the_order_that_the_dates_show_wins_over_the_one_chosen() -> None:
    text = "Date,Description,Amount\n03/04/2026,x,5.00\n25/04/2026,y,5.00\n"
    found = entries(text, account="1", currency="AED", date_order="mdy")
    assert [str(entry.day) for entry in found] == ["2026-04-03", "2026-04-25"]
    both = text + "04/26/2026,z,5.00\n"
    assert "is not a date" in refusal(both, account="1", currency="AED", date_order="mdy")


@pytest.mark.parametrize("day", ["13-Nov-2026", "13 Nov 26", "2026-11-13", "13.11.26", "Nov 13, 2026", "20261113"])
def test_dates_with_the_name_of_the_month_and_others(day: str) -> None:
    text = f'Date,Description,Amount\n"{day}",x,5.00\n'
    assert str(entries(text, account="1", currency="AED")[0].day) == "2026-11-13"


def test_a_csv_cut_in_the_middle_of_a_row_is_refused_and_the_line_is_named() -> None:
    content = sample("gulf.csv").decode()
    cut = content[: content.index("TT REF") + 5]
    assert "line 6" in refusal(cut)
    assert "line 7" in refusal(content[: content.index("CHARGES") + 3].replace('"CHA', "CHA"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("nothing here\n", "not a CAMT.053, MT940 or CSV"),
        ("Date,Description,Note\n2026-11-13,x,y\n", "columns of the date and the amount"),
        ("Date,Description,Amount\n", "no rows"),
        ("Date,Description,Amount\n2026-11-13,x,5.00\n", "choose it in the form"),
        ("Date,Description,Amount\n2026-11-13,x,abc1\n", "not a valid amount"),
        ("Date,Description,Amount\n2026-11-31,x,5.00\n", "is not a date"),
        ("%PDF-1.7", "not a CAMT.053, MT940 or CSV"),
    ],
)
def test_an_unusable_table_is_refused_in_words(text: str, said: str) -> None:
    assert said in refusal(text, account="1", currency="" if "choose" in said else "AED")


@pytest.mark.parametrize(
    ("heading", "unbooked", "booked"),
    [
        ("Status", "Pending", "Completed"),
        ("State", "DECLINED", "COMPLETED"),
        ("Info", "Umsatz vorgemerkt", "Umsatz gebucht"),
        ("حالة العملية", "قيد التنفيذ", "مكتملة"),
    ],
)
def test_rows_that_are_not_booked_are_left_out_and_counted(heading: str, unbooked: str, booked: str) -> None:
    rows = f"2026-11-20,INV-1,60.00,{unbooked}\n2026-11-20,INV-2,61.00,{booked}\n2026-11-20,INV-3,62.00,\n"
    (statement,) = read(f"Date,Description,Amount,{heading}\n{rows}", account="1", currency="AED")
    assert [entry.text for entry in statement.entries] == ["INV-2", "INV-3"]
    assert statement.skipped == 1


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "9999-12-31"])
def test_a_day_that_no_statement_has_is_refused(day: str) -> None:
    assert "is not a date" in refusal(f"Date,Description,Amount\n{day},x,5.00\n", account="1", currency="AED")
    assert "is not a date" in refusal(sample("camt_v08.xml").replace(b"2026-11-03", day.encode()))


def test_a_table_without_its_account_asks_for_it() -> None:
    assert "does not name the bank account" in refusal("Date,Description,Amount,Currency\n2026-11-13,x,5.00,AED\n")


def test_two_accounts_in_one_table_are_two_statements() -> None:
    text = "Account,Date,Description,Amount,Currency\n11,2026-11-13,x,5.00,AED\n22,2026-11-13,y,6.00,AED\n"
    assert [(each.account, len(each.entries)) for each in read(text)] == [("11", 1), ("22", 1)]


def test_long_texts_are_bounded() -> None:
    entry = entries(table([(13, "x" * 5_000, "5.00")]))[0]
    assert len(entry.text) == 1_000


def test_too_many_rows_are_refused() -> None:
    text = table([(13, "x", "5.00")] * 50_001)
    assert "too many entries" in refusal(text)


# --- The process -------------------------------------------------------------------------------------------------


def test_a_file_is_parsed_in_a_process_of_its_own() -> None:
    assert reading.read(sample("german.sta")) == read(sample("german.sta"))
    cut = sample("camt_v08.xml")[:3_000]
    with pytest.raises(UnreadableFile, match=f"line {len(cut.splitlines())}"):
        reading.read(cut)
