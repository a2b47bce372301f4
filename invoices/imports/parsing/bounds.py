"""Limits of a file, checked before and while it is parsed."""

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_CELL = 10_000
MAX_COLUMNS = 250  # Zoho Books writes more than 100
# Titles above the headings are skipped.
HEADINGS_WITHIN = 20
# Characters of all cells. A CSV holds at most MAX_BYTES; shared strings of a workbook may be used many times.
MAX_TEXT = 40_000_000
# Excel's own limits: a row or a cell beyond them comes from no spreadsheet program.
MAX_LINE = 1_048_576
MAX_EXCEL_COLUMNS = 16_384
# Characters of one CSV row: each of its cells as long as a cell may be.
MAX_RECORD = MAX_COLUMNS * MAX_CELL

# Of a workbook, unpacked: 50,000 rows of every column we know are about 60 MB.
MAX_UNPACKED = 200 * 1024 * 1024
MAX_PARTS = 1_000
MAX_PART = {"sheet": MAX_UNPACKED, "strings": 50 * 1024 * 1024, "styles": 20 * 1024 * 1024, "other": 5 * 1024 * 1024}
MAX_STRINGS = 1_000_000
MAX_FORMATS = 65_500  # Excel stops at 65,490
MAX_CELLS = 5_000_000
MAX_ELEMENTS = 15_000_000
MAX_DEPTH = 64
# Bytes of XML without an element or text: a tag, a comment or an attribute of this length is none of a spreadsheet.
MAX_TOKEN = 1024 * 1024
