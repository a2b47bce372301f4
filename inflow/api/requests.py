"""What was asked of the API: DRF's request, of which the body is JSON or nothing."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import cached_property
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from inflow.api.errors import Problem


class JSONRequest(Request):
    """DRF's looks for forms, files and an encoding, and its `method` for itself before it finds Django's."""

    def __init__(self, request: HttpRequest, **given: Any) -> None:
        super().__init__(request, **given)
        self.method: str = request.method or ""

    @cached_property
    def data(self) -> Any:
        """The body, read once; {} where there is none. Raises UnsupportedMediaType, and what the parser raises."""
        asked: Any = self._request
        negotiator: Any = self.negotiator
        if asked.META.get("CONTENT_LENGTH") in (None, "", "0"):
            return {}
        if asked.META.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
            raise Problem(415, "unsupported_media_type", "Send the body without Content-Encoding.")
        parser = negotiator.select_parser(self, self.parsers)
        if parser is None:
            raise UnsupportedMediaType(self.content_type)
        return parser.parse(asked, self.content_type, self.parser_context)
