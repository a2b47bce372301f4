"""A mark on requests whose files were cut off because they were too large together."""

from django.http import HttpRequest

MARK = "inflow.upload_is_too_large"


def is_too_large(request: HttpRequest) -> bool:
    """Return True if a file of this request was cut off. The request must have been parsed."""
    return MARK in request.META
