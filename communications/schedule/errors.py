"""Errors of the reminder schedule."""


class SwitchingBusy(Exception):
    """A policy of the account is already being switched on."""
