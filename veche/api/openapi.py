"""OpenAPI 3.1 documents of our APIs, from the declarations of their routes."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from veche.api.bearer import OrganisationKey
from veche.protocol.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.api.route import Route

VERSION: Final = "3.1.0"
_PREFIX: Final = "#/components/schemas/"
_REF: Final = _PREFIX + "{model}"
_ERROR_REF: Final = {"$ref": _REF.format(model="Error")}
_ARGUMENT: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_ERROR: Final = {
    "type": "object",
    "required": ["errcode", "error"],
    "properties": {
        "errcode": {"type": "string", "description": "See the page of error codes."},
        "error": {"type": "string", "description": "A sentence for a person."},
        "field": {"type": "string", "description": "The first wrong field."},
        "required": {"type": "string", "description": "The level that is needed."},
        "retry_after_ms": {"type": "integer", "description": "How long to wait first."},
    },
}


_LANG_REF: Final = {"$ref": "#/components/parameters/lang"}
_LANG: Final = {
    "in": "query",
    "name": "lang",
    "required": False,
    "description": "Of the texts in the answer; else that of the session, or Accept-Language.",
    "schema": {"type": "string", "enum": list(LANGUAGES)},
}


class Described(Protocol):
    """The part of ``veche.api.Api`` that a description needs."""

    prefix: str
    title: str

    @property
    def routes(self) -> Sequence[Route]:
        """As declared."""


def document(api: Described) -> dict[str, Any]:
    """The OpenAPI document of an API."""
    models = dict.fromkeys(model for route in api.routes for model in _models(route))
    found, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF
    )
    known = _Schemas(
        {model: found[model, "validation"] for model in models}, schemas.get("$defs", {})
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in api.routes:
        path = _ARGUMENT.sub(r"{\1}", route.path) or "/"
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, known)
    return {
        "openapi": VERSION,
        "info": {"title": api.title, "version": "1"},
        "servers": [{"url": api.prefix}],
        "paths": paths,
        "components": {
            "schemas": {**known.definitions, "Error": _ERROR},
            "parameters": {"lang": _LANG},
            "securitySchemes": {
                one: {"type": "http", "scheme": "bearer"} for one in ("session", "organisation")
            },
        },
    }


@attrs.frozen
class _Schemas:
    """The schemas of all models of an API.

    Attributes:
        refs: Where that of a model is.
        definitions: By name, as the references say it.
    """

    refs: Mapping[type[BaseModel], Mapping[str, Any]]
    definitions: Mapping[str, Any]

    def of(self, model: type[BaseModel]) -> Mapping[str, Any]:
        """The schema of a model itself."""
        schema: Mapping[str, Any] = self.definitions[self.refs[model]["$ref"][len(_PREFIX) :]]
        return schema


def _models(route: Route) -> list[type[BaseModel]]:
    used = (route.body, route.takes_model, route.query, route.answer)
    return [model for model in used if model is not None and issubclass(model, BaseModel)]


def _operation(route: Route, known: _Schemas) -> dict[str, Any]:
    parameters = [_parameter("path", name, {"type": "string"}) for name in route.arguments]
    if route.query is not None:
        schema = known.of(route.query)
        parameters += [
            _parameter("query", name, field, is_needed=name in schema.get("required", ()))
            for name, field in schema.get("properties", {}).items()
        ]
    if route.needs_key:
        key = {"type": "string", "pattern": "^[!-~]{1,64}$"}
        parameters.append(_parameter("header", "Idempotency-Key", key))
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}_{route.function.__name__}",
        "description": inspect.getdoc(route.function) or "",
        "parameters": [*parameters, _LANG_REF],
        "responses": {
            str(route.status if route.answer else 204): _success(route, known),
            "default": {"description": "Refused", "content": _json(_ERROR_REF)},
        },
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(known.refs[route.body])}
    if route.takes is not None:
        shape = {} if route.takes_model is None else {"schema": known.refs[route.takes_model]}
        operation["requestBody"] = {"required": True, "content": {route.takes: shape}}
    if route.level is not None:
        operation["security"] = [{"session": [route.level.label]}]
    if isinstance(route.auth, OrganisationKey):
        operation["security"] = [{"organisation": [route.auth.scope] if route.auth.scope else []}]
    return operation


def _success(route: Route, known: _Schemas) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "Done"}
    if issubclass(route.answer, BaseModel):
        return {"description": "Done", "content": _json(known.refs[route.answer])}
    return {"description": "A file", "content": {"application/octet-stream": {}}}


def _parameter(
    where: str, name: str, schema: dict[str, Any], *, is_needed: bool = True
) -> dict[str, Any]:
    return {"in": where, "name": name, "required": is_needed, "schema": schema}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
