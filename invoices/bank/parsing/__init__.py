"""Parsers of bank statements. `invoices.imports.process` runs them in a separate process without Django.

A parser yields `(line, record)`: the entries of a statement first, then the statement itself.
"""
