"""Encryption of secrets at rest with the first of `FIELD_KEYS`. Each of the keys can decrypt."""

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def decrypt(token: str) -> str:
    """Return the secret. Raise `cryptography.fernet.InvalidToken` if none of FIELD_KEYS encrypted it."""
    return _fernet().decrypt(token.encode()).decode()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
