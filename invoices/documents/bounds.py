"""Limits of uploaded documents. The parsing process imports this module too, so it must not import Django."""

MIB = 1024 * 1024
MAX_BYTES = 10 * MIB  # of one document
MAX_FILES = 500  # of an archive
MAX_UNPACKED = 60 * MIB
# A larger file that shrinks to less than a hundredth is no document.
RATIO_FROM, MAX_RATIO = MIB, 100
MAX_ELEMENTS = 500_000
MAX_VALUE = 500  # characters of a value that is kept
