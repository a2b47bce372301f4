"""Errors of the engine."""


class ClockBackwards(Exception):
    """A clock only moves forward, and can first be set only while the account has no invoices."""


class ClockBusy(Exception):
    """The clock is already being moved."""


class LiveAccount(Exception):
    """A live account has no clock of its own."""


class ForecastBusy(Exception):
    """Another forecast of this account is being computed."""


class DeadlineExceeded(Exception):
    """The time limit of a forecast is over."""
