"""Responses of the API: JSON that is rendered immediately, without DRF's renderers."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from inflow import masking
from inflow.api.json import MEDIA_TYPE, dumps


class ApiResponse(HttpResponse):
    """A response with `data` as JSON. Bytes are sent as they are; None is an empty body.

    Links to debtors' pages are masked, so that a reader cannot act as the debtor, unless `shows_links` is set.
    """

    def __init__(
        self,
        data: Any = None,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str = MEDIA_TYPE,
        shows_links: bool = False,
    ) -> None:
        body = data if isinstance(data, bytes) else b"" if data is None else dumps(data)
        if not shows_links:
            body = masking.mask_body(body)
        super().__init__(body, status=status, headers=headers, content_type=media_type)
        if not body:
            del self["Content-Type"]
