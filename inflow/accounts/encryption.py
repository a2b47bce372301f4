"""Secrets at rest: encrypted with the first of `FIELD_KEYS`, readable with each of them."""

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def decrypt(sealed: str) -> str:
    """Raises `cryptography.fernet.InvalidToken` where no key of FIELD_KEYS made it."""
    return _fernet().decrypt(sealed.encode()).decode()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
