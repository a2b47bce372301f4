"""How the account shows itself to its debtors, as far as it has said so."""

from typing import Any

from inflow.accounts.models import Account


def name(account: Account) -> str:
    shown: str = getattr(_profile(account), "display_name", "")
    return shown or account.name


def payment_instructions(account: Account, language: str) -> str:
    """In that language, else in the other: an IBAN reads the same in both."""
    other = "en" if language == "ar" else "ar"
    texts = [getattr(_profile(account), f"payment_{each}", "") for each in (language, other)]
    return next((str(text).strip() for text in texts if text), "")


def logo(account: Account) -> tuple[bytes, str] | None:
    """The picture and its media type, which its own bytes say."""
    picture = bytes(getattr(_profile(account), "logo", None) or b"")
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        return picture, "image/png"
    return (picture, "image/jpeg") if picture.startswith(b"\xff\xd8\xff") else None


def _profile(account: Account) -> Any:
    return getattr(account, "sender_profile", None)
