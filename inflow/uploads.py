"""The mark of requests of which a file was cut off, because all files together were too large."""

from django.http import HttpRequest

MARK = "inflow.upload_is_too_large"


def is_too_large(request: HttpRequest) -> bool:
    """Tell whether a file of this request was cut off. The request must have been parsed."""
    return MARK in request.META
