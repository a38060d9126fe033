"""The OpenAPI documents: valid, whole, and what the routes do."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field

from tests.support.tables import each_row
from tests.unit.veche.api.test_api import API
from veche.api import Api, Call
from veche.api.openapi import document
from veche.protocol.wire import Wire


def operation(path: str, method: str) -> Any:
    return document(API)["paths"][path][method]


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document(API)).validate()
    assert json.loads(json.dumps(document(API))) == document(API)


def test_an_api_without_routes_is_valid() -> None:
    OpenAPIV31SpecValidator(document(Api("/_veche/none/v1", "None"))).validate()


def test_every_route_is_there_once() -> None:
    paths = document(API)["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found == {
        ("GET", "/things"),
        ("POST", "/things"),
        ("GET", "/things/{thing_id}"),
        ("DELETE", "/things/{thing_id}"),
        ("GET", "/users/{user_id}/name"),
        ("GET", "/file"),
        ("POST", "/"),
        ("POST", "/slow"),
        ("GET", "/fails/{how}"),
    }


def test_operation_ids_are_unique() -> None:
    paths = document(API)["paths"]
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(ids) == len(set(ids))


def test_parameters_say_where_they_are_and_whether_they_are_needed() -> None:
    found = [
        (one["in"], one["name"], one["required"])
        for one in operation("/things", "get")["parameters"]
        if "in" in one
    ]
    assert found == [("query", "q", True), ("query", "limit", False), ("query", "colour", False)]
    assert [one.get("name") for one in operation("/things/{thing_id}", "get")["parameters"]] == [
        "thing_id",
        None,
    ]
    key = next(
        one for one in operation("/things", "post")["parameters"] if one.get("in") == "header"
    )
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)


def test_who_may_ask_is_said() -> None:
    assert "security" not in operation("/things", "get")
    assert operation("/things", "post")["security"] == [{"session": ["room"]}]
    assert operation("/things/{thing_id}", "delete")["security"] == [{"session": ["verified"]}]


@each_row(
    ("path", "method", "status", "kind"),
    [
        ("/things", "post", "201", "application/json"),
        ("/things", "get", "200", "application/json"),
        ("/things/{thing_id}", "delete", "204", None),
        ("/file", "get", "200", "application/octet-stream"),
    ],
)
def test_answers_are_said(path: str, method: str, status: str, kind: str | None) -> None:
    responses = operation(path, method)["responses"]
    assert set(responses) == {status, "default"}
    assert list(responses[status].get("content", {})) == ([kind] if kind else [])


def test_the_body_is_the_model() -> None:
    schema = operation("/things", "post")["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Thing"}
    thing = document(API)["components"]["schemas"]["Thing"]
    assert thing["required"] == ["name"]
    assert thing["properties"]["name"]["maxLength"] == 20


def test_models_of_the_same_name_do_not_mix() -> None:
    api = Api("/_veche/twins/v1", "Twins")

    def model(number: int) -> type[Wire]:
        class Inner(Wire):
            value: int = Field(ge=number)

        class Twin(Wire):
            inner: Inner | None = None
            size: int = Field(default=number, ge=number)

        return Twin

    one, two = model(1), model(2)

    async def first(self: object, call: Call) -> None:
        """First."""

    async def second(self: object, call: Call) -> None:
        """Second."""

    api.route("GET", "/first", query=one, answer=two, summary="x")(first)
    api.route("GET", "/second", query=two, answer=one, summary="x")(second)
    whole = document(api)

    OpenAPIV31SpecValidator(whole).validate()
    for path, least in (("/first", 1), ("/second", 2)):
        size = next(
            parameter
            for parameter in whole["paths"][path]["get"]["parameters"]
            if parameter.get("name") == "size"
        )
        assert size["schema"]["minimum"] == least
