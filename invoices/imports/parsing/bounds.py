"""Limits of an uploaded file."""

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_CELL = 10_000
MAX_COLUMNS = 250  # Zoho Books writes more than 100
# Rows in which the headings are searched, below any titles.
HEADINGS_WITHIN = 20
# Characters of all cells. Shared strings of a workbook may be used many times.
MAX_TEXT = 40_000_000
# Excel's own limits.
MAX_LINE = 1_048_576
MAX_EXCEL_COLUMNS = 16_384
# Characters of one CSV row.
MAX_RECORD = MAX_COLUMNS * MAX_CELL

# Unpacked size of a workbook. 50,000 rows with all known columns have about 60 MB.
MAX_UNPACKED = 200 * 1024 * 1024
MAX_PARTS = 1_000
MAX_PART = {"sheet": MAX_UNPACKED, "strings": 50 * 1024 * 1024, "styles": 20 * 1024 * 1024, "other": 5 * 1024 * 1024}
MAX_STRINGS = 1_000_000
MAX_FORMATS = 65_500  # Excel stops at 65,490
MAX_CELLS = 5_000_000
MAX_ELEMENTS = 15_000_000
MAX_DEPTH = 64
# Bytes of one XML tag, comment or attribute.
MAX_TOKEN = 1024 * 1024
