"""Responses of the API: JSON, written at once, without DRF's choice of a renderer."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from inflow import masking
from inflow.api.json import MEDIA_TYPE, dumps


class Answer(HttpResponse):
    """`data` becomes the body, unless it is bytes already; without it the body is empty.

    Links to debtors' pages are masked: a reader may not act as the debtor. `shows_links` is for those who may.
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
