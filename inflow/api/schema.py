"""The contract's description, OpenAPI 3.1, generated from the views and serializers.

`manage.py openapi` writes it to `inflow/api/openapi.json`, which is what `/api/openapi.json` serves; a test holds the
file against the code.
"""

import json
from pathlib import Path
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.api import fields
from inflow.api.authentication import HEADER
from inflow.api.errors import MEDIA_TYPE
from inflow.api.etags import IF_MATCH

FILE = Path(__file__).with_name("openapi.json")

Schema = dict[str, Any]

_PROBLEMS = {
    400: "The body or the cursor can't be read.",
    401: "The API key is missing or not valid.",
    403: "The API key lacks the scope, the account is suspended, or only staff may do this.",
    404: "There is no such resource.",
    409: "A request with this Idempotency-Key is still being worked on.",
    410: "Older than what is kept.",
    412: "The resource has changed since the version in If-Match.",
    413: "The body is longer than 256 KiB.",
    415: "The body is not application/json.",
    422: "Validation failed: `errors` names each field.",
    429: "The rate limit is exceeded.",
    503: "The database is away or the query took too long.",
}
_WITH_RETRY_AFTER = {409, 429, 503}
_RATE_HEADERS = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@extend_schema_serializer(component_name="FieldError")
class FieldErrorOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class ProblemOut(serializers.Serializer[Any]):
    """An error, by RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="For people.")
    instance = serializers.CharField()
    code = serializers.CharField(help_text="For programs.")
    request_id = serializers.CharField()
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]


class ApiSchema(AutoSchema):
    """Adds to each operation what the viewset's base gives it: scope, headers, and every error it can answer."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Schema | None:
        view: Any = self.view
        operation: Schema | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        scope = view.scopes[view.action]
        needed = f"Scope: `{scope}`." if scope else "Any key."
        operation["description"] = "\n\n".join(filter(None, (operation.get("description"), needed)))
        operation["tags"] = [self.path.split("/")[3]]
        parameters = operation.setdefault("parameters", [])
        action = getattr(view, view.action)
        if getattr(action, "is_idempotent", False):
            parameters.append(
                _header(
                    "Idempotency-Key",
                    "Sent again, the request has its first answer.",
                    r'^("[!#-~]{1,255}"|[!#-~]{1,255})$',
                )
            )
        if getattr(action, "takes_if_match", False):
            parameters.append(_header("If-Match", "The ETag of the version to change.", f"^({IF_MATCH})$"))
        responses = operation["responses"]
        names = [*_RATE_HEADERS, "X-Request-Id"]
        if any(parameter["name"] == "cursor" for parameter in parameters):
            names.append("Link")
        for response in responses.values():
            response.setdefault("headers", {}).update({name: _string() for name in names})
            response["description"] = response.get("description") or "Done."
        for status in self._problems(operation, action):
            responses[str(status)] = self._problem(status)
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular calls it
        """Return nothing, instead of docstrings. `extend_schema` describes the operations that need it."""
        return ""

    def _problems(self, operation: Schema, action: Any) -> set[int]:
        statuses = {401, 403, 429, 503}
        if "{" in self.path:
            statuses.add(404)
        if any(parameter["in"] == "query" for parameter in operation["parameters"]):
            statuses |= {400, 422}
        if "requestBody" in operation:
            statuses |= {400, 413, 415, 422}
        if getattr(action, "is_idempotent", False):
            statuses |= {400, 409, 422}
        if getattr(action, "takes_if_match", False):
            statuses |= {400, 412}
        return statuses | set(getattr(action, "problems", ()))

    def _problem(self, status: int) -> Schema:
        headers = {"X-Request-Id": _string()}
        if status in _WITH_RETRY_AFTER:
            headers["Retry-After"] = {"schema": {"type": "integer", "minimum": 1}}
        if status == 401:
            headers["WWW-Authenticate"] = _string()
        component = self.resolve_serializer(ProblemOut, "response")
        return {
            "description": _PROBLEMS[status],
            "headers": headers,
            "content": {MEDIA_TYPE: {"schema": component.ref}},
        }


def _header(name: str, description: str, pattern: str) -> Schema:
    return {
        "in": "header",
        "name": name,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


def _string() -> Schema:
    return {"schema": {"type": "string"}}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "inflow.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "apiKey", "in": "header", "name": HEADER}


class StrictField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describe in JSON Schema what a strict field accepts."""

    target_class = "inflow.api.fields.Described"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return dict(self.target.json_schema(direction))


def refuse_unknown_fields(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """A hook: what `StrictSerializer` refuses, the description refuses too."""
    strict: dict[str, Any] = {cls.__name__: cls for cls in _subclasses(fields.StrictSerializer)}
    for name, component in result["components"]["schemas"].items():
        if name in strict:
            component["additionalProperties"] = False
            if strict[name].blank_is_absent:
                _allow_blank(component)
    return result


def _allow_blank(component: Schema) -> None:
    """Let optional properties be "" or null, which mean that they are not given."""
    for name, described in component["properties"].items():
        if name not in component.get("required", ()):
            component["properties"][name] = {"anyOf": [described, {"enum": ["", None]}]}


def _subclasses(cls: type) -> set[type]:
    children: list[type] = cls.__subclasses__()
    return {cls}.union(*map(_subclasses, children))


def generate() -> str:
    """The description as it is committed."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(schema, indent=2, ensure_ascii=False, default=str) + "\n"
