"""Exceptions of outgoing connections."""

import http.client


class ForbiddenTarget(ValueError):
    """The target may not be connected to. The message is shown to users."""


class ResponseTooLarge(http.client.HTTPException):
    """The response is larger than the limit."""
