"""Errors of `make run`."""

from environs import EnvError


class Unavailable(EnvError):
    """Says in one line what is missing and what to do."""
