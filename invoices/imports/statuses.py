"""Words of accounting programs for the state of an invoice and for types of documents, from `statuses.toml`."""

import enum
import functools

from invoices.imports.headings import folded, names, table


class State(enum.Enum):
    """The state of an invoice in the other system."""

    ISSUED = "issued"  # paid or unpaid
    OWED = "owed"  # wholly or partly
    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"
    DRAFT = "draft"
    HELD = "held"  # disputed or on hold


class Document(enum.Enum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"
    RECEIPT = "receipt"  # a sale paid immediately
    PAYABLE = "payable"  # the account owes it
    OFFER = "offer"
    OTHER = "other"


_YES, _NO = ("yes", "y", "true", "نعم", "صح"), ("no", "n", "false", "لا")
_TABLE = table("statuses.toml")
_STATE_OF = {word: State(state) for state, words in _TABLE["states"].items() for word in names(words)}
_DOCUMENT_OF = {word: Document(document) for document, words in _TABLE["documents"].items() for word in names(words)}
_BEGINNINGS = [
    (beginning + " ", State(state)) for state, words in _TABLE["beginnings"].items() for beginning in names(words)
]
_LATE_ENDINGS = (" days overdue", " day overdue", " days late", " day late")  # "12 days overdue"

_LETTERS = str.maketrans("أإآىة", "ااايه")  # as in `headings.folded`
_FIRST_WORDS = frozenset(
    word
    for words in (*_STATE_OF, *_DOCUMENT_OF, *(beginning for beginning, _state in _BEGINNINGS))
    for word in (words.split()[0], words.replace(" ", ""))
)


def may_be_word(text: str) -> bool:
    """Return False if the text is certainly not in these lists. It is a fast filter for millions of cells."""
    first = text[:40].casefold().translate(_LETTERS).split(None, 1)
    if first and first[0].isdigit():
        return text.casefold().endswith(_LATE_ENDINGS)
    return bool(first) and first[0].strip(".,:;-–()[]").split("-", 1)[0].split("_", 1)[0] in _FIRST_WORDS


def state_of(text: str) -> State | None:
    """Return the state that a cell names, or None if it is unknown."""
    return _state_of(text[:200])


@functools.lru_cache(maxsize=4_096)
def _state_of(text: str) -> State | None:
    words = folded(text)
    if words in _STATE_OF:
        return _STATE_OF[words]
    if words.endswith(_LATE_ENDINGS):
        return State.OWED
    return next((state for beginning, state in _BEGINNINGS if words.startswith(beginning)), None)


def document_of(text: str) -> Document | None:
    """Return the document type that a cell names, or None if it is unknown."""
    return _DOCUMENT_OF.get(folded(text[:200]))


def paid_flag(text: str) -> State | None:
    """Return the state for "Y" or "N" in a column "Paid", as in Sage 50, or None."""
    words = folded(text[:20])
    if words in _YES:
        return State.PAID
    return State.UNPAID if words in _NO else None
