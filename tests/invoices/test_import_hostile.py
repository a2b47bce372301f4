"""Files made to stop whoever reads them. Each is refused in words, by a bound and not by the clock."""

import io
import re
import zipfile
from collections.abc import Callable

import pytest

from invoices.imports import process, reading
from invoices.imports.errors import FileRefused, UnreadableFile
from invoices.imports.parsing import bounds
from invoices.imports.parsing.rows import rows_of
from invoices.imports.phases import start, work
from invoices.models.imports import Import
from tests import make
from tests.invoices.test_import_reading import HEADINGS, read, workbook

TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
GOOD = [[f"N-{number}", "Omar", 5, "2999-01-01"] for number in range(20)]
PLACE, MORE = "invalid position", "too large"
BROKEN = "can't be read"


def inline(*texts: str) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)


HEAD = f'<row r="1">{inline(*HEADINGS)}</row>'
ROW = f'<row r="2">{inline("N-1", "Omar", "5", "2999-01-01")}</row>'


def package(
    rows: str | bytes = "",
    *,
    strings: str = "",
    styles: str = "",
    more: dict[str, bytes] | None = None,
    head: str = HEAD,
) -> bytes:
    """A workbook as small as one can be."""
    body = rows.encode() if isinstance(rows, str) else rows
    relation = '<Relationship Id="{0}" Type="{1}/{2}" Target="{3}"/>'
    parts: dict[str, bytes | str] = {
        "_rels/.rels": "<Relationships>"
        + relation.format("a", TYPES, "officeDocument", "xl/workbook.xml")
        + "</Relationships>",
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="x" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        + relation.format("b", TYPES, "worksheet", "worksheets/sheet1.xml")
        + relation.format("c", TYPES, "sharedStrings", "sharedStrings.xml")
        + relation.format("d", TYPES, "styles", "styles.xml")
        + "</Relationships>",
        "xl/sharedStrings.xml": f"<sst>{strings}</sst>",
        "xl/styles.xml": f"<styleSheet>{styles}</styleSheet>",
        "xl/worksheets/sheet1.xml": b"<worksheet><sheetData>" + head.encode() + body + b"</sheetData></worksheet>",
        **(more or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def renamed(content: bytes, old: str, new: str) -> bytes:
    """A workbook of openpyxl with a part that is changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name).replace(old.encode(), new.encode()))
    return file.getvalue()


def many_entries() -> bytes:
    file = io.BytesIO(package())
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(bounds.MAX_PARTS):
            archive.writestr(f"xl/media/{number}.png", b"")
    return file.getvalue()


def sheets(count: int) -> bytes:
    entry = '<sheet name="x" r:id="b"/>'
    return package(more={"xl/workbook.xml": f"<workbook><sheets>{entry * count}</sheets></workbook>".encode()})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a row number of two billion": (lambda: package('<row r="2000000000"/>'), PLACE),
    "twenty good rows before it": (
        lambda: renamed(workbook(HEADINGS, *GOOD), "</sheetData>", '<row r="2000000000"/></sheetData>'),
        PLACE,
    ),
    "a row number of a hundred thousand digits": (lambda: package(f'<row r="{"9" * 100_000}"/>'), PLACE),
    "a negative row": (lambda: package('<row r="-5"/>'), PLACE),
    "row 0": (lambda: package('<row r="0"/>'), PLACE),
    "no number": (lambda: package('<row r="nan"/>'), PLACE),
    "a row that comes again": (lambda: package(ROW + ROW), PLACE),
    "cell A0": (lambda: package('<row r="2"><c r="A0"><v>1</v></c></row>'), PLACE),
    "a cell of another row": (lambda: package('<row r="2"><c r="XFD1048576"><v>1</v></c></row>'), PLACE),
    "a column beyond the last": (lambda: package('<row r="2"><c r="XFE2"><v>1</v></c></row>'), PLACE),
    "a cell without a place": (lambda: package('<row r="2"><c r="2B"><v>1</v></c></row>'), PLACE),
    "a cell twice": (lambda: package('<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'), PLACE),
    "five million rows": (lambda: package("<row/>" * 5_000_000), PLACE),
    "five million strings": (lambda: package(strings="<si/>" * 5_000_000), MORE),
    "two million styles": (lambda: package(styles=f"<cellXfs>{'<xf/>' * 2_000_000}</cellXfs>"), MORE),
    "a million formats": (
        lambda: package(styles="".join(f'<numFmt numFmtId="{n}" formatCode="0"/>' for n in range(100_000))),
        MORE,
    ),
    "six million cells": (lambda: package(f'<row r="2">{"<c/>" * 6_000_000}</row>'), PLACE),
    "an attribute of fifty megabytes": (lambda: package(f'<row r="2" x="{"y" * 50_000_000}"/>'), MORE),
    "a comment of fifty megabytes": (lambda: package(f"<!--{'y' * 50_000_000}-->"), MORE),
    "a million levels": (lambda: package("<x>" * 1_000_000), MORE),
    "an entity that unfolds": (
        lambda: package(
            more={"xl/sharedStrings.xml": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><sst>&b;</sst>'}
        ),
        BROKEN,
    ),
    "an entity of a file": (
        lambda: package(
            more={"xl/worksheets/sheet1.xml": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'}
        ),
        BROKEN,
    ),
    "a sheet elsewhere": (
        lambda: package(
            more={
                "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="b" Type="{TYPES}/worksheet"'
                ' Target="http://127.0.0.1/x" TargetMode="External"/></Relationships>'.encode()
            }
        ),
        BROKEN,
    ),
    "no visible sheet": (lambda: sheets(0), BROKEN),
    "two thousand sheets": (lambda: sheets(2_000), MORE),
    "a thousand parts": (many_entries, MORE),
    "a string that is none": (lambda: package('<row r="2"><c r="A2" t="s"><v>7</v></c></row>'), BROKEN),
    "one long string in every cell": (
        lambda: package(
            ("<row>" + '<c t="s"><v>0</v></c>' * 200 + "</row>") * 25, strings=f"<si><t>{'x' * 10_000}</t></si>"
        ),
        "too much text",
    ),
    "twenty megabytes of lines": (lambda: ",".join(HEADINGS).encode() + b"\n" * 20_000_000, "1048576 lines"),
    "twenty megabytes of commas": (lambda: ",".join(HEADINGS).encode() + b"\n" + b"," * 20_000_000, "too long"),
    "a quotation that never ends": (
        lambda: ",".join(HEADINGS).encode() + b'\n"' + b"x\n" * 9_000_000,
        "not a valid CSV|too long",
    ),
    "quotation marks": (lambda: ",".join(HEADINGS).encode() + b"\n" + b'""' * 9_000_000, "not a valid CSV|too long"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words(name: str) -> None:
    make_it, said = HOSTILE[name]
    content = make_it()
    assert len(content) <= reading.MAX_BYTES
    with pytest.raises(FileRefused) as refusal:
        list(rows_of(io.BytesIO(content), reading.options_of(content, "invoices")))
    assert re.search(said, reading.message(refusal.value))


def test_more_columns_than_are_read_are_refused() -> None:
    with pytest.raises(UnreadableFile, match="more than 250 columns"):
        read(",".join([*HEADINGS, *["x"] * 500]).encode() + b"\n")


def test_what_is_odd_and_harmless_is_read() -> None:
    merged = '<mergeCell ref="A1:XFD1048576"/>' * 1_000
    rows = f'{ROW}<row r="1048576">{inline("N-2", "Layla", "6", "2999-01-01")}</row>'
    content = package(f"{rows}</sheetData><mergeCells>{merged}</mergeCells><sheetData>")
    assert [(line, row["invoice_number"]) for line, row in read(content)] == [(2, "N-1"), (1048576, "N-2")]


def test_a_long_cell_is_cut_so_that_its_row_is_refused() -> None:
    for content in (
        package(f'<row r="2">{inline("x" * 1_000_000, "Omar")}</row>'),
        package('<row r="2"><c t="s"><v>0</v></c></row>', strings=f"<si><t>{'x' * 1_000_000}</t></si>"),
        f"{','.join(HEADINGS)}\n{'x' * 100_000},Omar\n".encode(),
    ):
        ((_, row),) = read(content)
        assert row["invoice_number"] == "x" * (reading.MAX_CELL + 1)


def test_a_cell_beyond_the_last_column_is_not_passed_over() -> None:
    content = package(f'<row r="2">{inline("N-1", "Omar", "5", "2999-01-01")}<c r="ZZ2" t="str"><v>Paid</v></c></row>')
    with reading.open_file(content, "invoices") as file:
        ((_, cells),) = file.sheet().rows
    assert (len(cells), cells[-1]) == (reading.MAX_COLUMNS + 1, "Paid")


@pytest.mark.parametrize(("bound", "value"), [("MEMORY", 30_000_000), ("WALL_S", 0), ("OUTPUT", 1_000)])
def test_a_parser_that_is_ended_refuses_the_file(bound: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, bound, value)
    monkeypatch.setattr(process, "_HEARTBEAT_EVERY_S", 0.001)
    content = (",".join(HEADINGS) + "\n" + "N,x,1,2026-12-01\n" * 10_000).encode()
    if bound == "MEMORY":
        content = workbook(HEADINGS, *GOOD)
    with pytest.raises(UnreadableFile, match="took too much time or memory"):
        read(content)


@pytest.mark.django_db
def test_a_hostile_file_is_only_stored_by_the_request_and_refused_by_the_worker() -> None:
    account = make.account()
    content = HOSTILE["twenty good rows before it"][0]()
    file = start(account, make.user(account), kind="invoices", file_name="x.xlsx", content=content)
    assert (file.phase, file.columns, file.rows.exists()) == ("reading", {}, False)
    assert not work(file.pk)
    file = Import.objects.get(pk=file.pk)
    assert (file.phase, file.rows.exists(), PLACE in file.failure) == ("failed", False, True)
