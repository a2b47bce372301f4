"""Parse a bank statement: `python -m invoices.bank.parsing OPTIONS` reads standard input and writes JSON lines."""

from invoices.bank.parsing.files import records_of
from invoices.imports.parsing.__main__ import main

if __name__ == "__main__":
    main(records_of)
