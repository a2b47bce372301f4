"""Contacts of an invoice: a list whose first one has the invoice's own email and phone.

They are stored without the first one's addresses, which are columns of the invoice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_CONTACTS = 20
# The kinds of messages that a contact may receive.
KINDS = ("reminder", "follow_up", "final_notice", "manual", "statement", "promise_followup", "thank_you")

Contacts = list[dict[str, Any]]


def to_store(contacts: Sequence[Mapping[str, Any]]) -> Contacts:
    """Return the contacts as an invoice stores them. One that says nothing but its addresses is not stored alone."""
    if not contacts:
        return []
    first, *others = ({**_EMPTY, **contact} for contact in contacts)
    first |= {"email": "", "phone": ""}
    return [first, *others] if others or first != _EMPTY else []


def shown(stored: Sequence[Mapping[str, Any]], email: str, phone: str) -> Contacts:
    """Return the contacts of an invoice for the API."""
    first, *others = stored or [_EMPTY]
    everybody = [{**first, "email": email, "phone": phone}, *others] if stored or email or phone else []
    return [
        {name: value if name == "receives" else value or None for name, value in each.items()} for each in everybody
    ]


_EMPTY: dict[str, Any] = {"name": "", "role": "", "email": "", "phone": "", "language": "", "receives": []}
