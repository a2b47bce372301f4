"""`ETag` and `If-Match`: the version of what is read, and of what may be changed."""

import re

from rest_framework.request import Request

from inflow.api.errors import Problem

_TAG = r'(W/)?"[!#-~]*"'
IF_MATCH = rf"\*|{_TAG}( ?, ?{_TAG})*"
_VERSION = re.compile(r'"([0-9]{1,9})"')


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def accepted_versions(request: Request) -> set[int] | None:
    """The versions that If-Match names; None for any. A weak or foreign tag matches none (RFC 9110, 13.1.1)."""
    given = request.META.get("HTTP_IF_MATCH", "*")
    if not re.fullmatch(IF_MATCH, given):
        raise Problem(400, "bad_if_match", 'If-Match takes an ETag with its quotes: "3".')
    if given == "*":
        return None
    tags = (_VERSION.fullmatch(tag.strip()) for tag in given.split(","))
    return {int(tag[1]) for tag in tags if tag}
