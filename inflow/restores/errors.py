"""Exceptions of the high-water marks."""


class SendingHeld(Exception):
    """Nothing may be sent: the database was restored, or no mark can be written."""


class StoresUnavailable(Exception):
    """No store of marks can be read or written."""
