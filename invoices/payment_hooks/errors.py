"""Errors of payment reports."""


class UnreadableReport(Exception):
    """The report can't be read. The message tells its sender what to send instead."""
