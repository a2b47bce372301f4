"""A compressed body is refused as such, and not as JSON that can't be read."""

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from inflow.api.bodies import StrictJSONParser
from inflow.api.errors import Problem
from inflow.api.viewsets import JSONOnly


def data_of(encoding: str) -> object:
    request = RequestFactory().post(
        "/api/zapier/invoices", b"{}", content_type="application/json", headers={"Content-Encoding": encoding}
    )
    return Request(request, parsers=[StrictJSONParser()], negotiator=JSONOnly()).data


@pytest.mark.parametrize("encoding", ["gzip", "br", "Deflate", "identity,gzip", "gzip, gzip", "x"])
def test_a_content_encoding_is_415(encoding: str) -> None:
    with pytest.raises(Problem) as refused:
        data_of(encoding)
    assert (refused.value.status_code, refused.value.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_none_is_read(encoding: str) -> None:
    assert data_of(encoding) == {}
