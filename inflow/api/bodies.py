"""The bodies of requests: what is ambiguous is refused, money is exact."""

import codecs
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from inflow.api.errors import Problem
from inflow.api.json import MEDIA_TYPE

MAX_DEPTH = 32


class StrictJSONParser(BaseParser):
    """UTF-8 JSON with no duplicate keys, NaN, Infinity, byte order mark or half a surrogate pair, at most
    `API_MAX_BODY_BYTES` long and `MAX_DEPTH` deep.

    Numbers with a fraction come as `Decimal`, exactly as written.
    """

    media_type = MEDIA_TYPE
    max_bytes: int | None = None  # instead of the setting

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        most = self.max_bytes or settings.API_MAX_BODY_BYTES
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise Problem(413, "body_too_large", f"The body may be at most {most // 1024} KiB long.")
        if raw.startswith(codecs.BOM_UTF8):
            raise _unparseable("it begins with a byte order mark")
        try:
            data = _DECODER.decode(raw.decode())
            # Few brackets can't be deep, and half a pair can only come escaped.
            if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or b"\\u" in raw:
                _check(data)
        except UnicodeEncodeError as error:
            raise _unparseable("it holds half a surrogate pair") from error
        except UnicodeDecodeError as error:
            raise _unparseable("it is not UTF-8") from error
        except RecursionError as error:
            raise _unparseable("it is nested too deeply") from error
        except json.JSONDecodeError as error:
            raise _unparseable(f"{error.msg.lower()} at line {error.lineno}, column {error.colno}") from error
        except ValueError as error:  # an integer of thousands of digits
            raise _unparseable("it holds a number that is too long") from error
        return data


class LongJSONParser(StrictJSONParser):
    """Parser of bodies with many rows."""

    max_bytes = 2 * 1024 * 1024


class LargeJSONParser(StrictJSONParser):
    """Parser of long lists."""

    max_bytes = 10 * 1024 * 1024


def _unparseable(why: str) -> Problem:
    return Problem(400, "unparseable", f"The body is no JSON that can be read: {why}.")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:  # an exponent of twenty digits
        raise ValueError(text[:64]) from error


def _check(data: Any) -> None:
    """Level by level: what is read later by recursion must not be deep. Half a pair would fail when it is written."""
    level = [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, str):
                part.encode()
            elif isinstance(part, dict):
                inner += part.keys()
                inner += part.values()
            elif isinstance(part, list):
                inner += part
        if not inner:
            return
        level = inner
    raise RecursionError


def _no_constant(name: str) -> Any:
    raise _unparseable(f"{name} is no JSON number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _unparseable("a key stands twice in one object")
    return result


_DECODER = json.JSONDecoder(parse_float=_decimal, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)


class Renderer(BaseRenderer):
    """Renderer for the description of the API. Responses are written by `dumps`."""

    media_type = MEDIA_TYPE
    format = "json"
    charset = None
