"""The API of signing as it is declared: its description is valid, and tells the shapes."""

from __future__ import annotations

from openapi_spec_validator import OpenAPIV31SpecValidator

from appservices.signing.routes import API
from veche.api.openapi import document


def test_the_openapi_document_is_valid_and_has_every_route() -> None:
    found = document(API)
    OpenAPIV31SpecValidator(found).validate()

    assert sum(len(methods) for methods in found["paths"].values()) == len(API.routes)
    ids = [one["operationId"] for all_ in found["paths"].values() for one in all_.values()]
    assert len(ids) == len(set(ids))


def test_a_body_that_is_read_in_a_thread_is_described_as_well() -> None:
    found = document(API)
    content = found["paths"]["/templates/{name}/sessions"]["post"]["requestBody"]["content"]
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    rows = found["components"]["schemas"][name]["properties"]["rows"]

    assert rows["items"]["$ref"].endswith("/BatchRow")
    assert rows["maxItems"] == 10_000


def test_whatever_makes_something_new_is_done_once() -> None:
    needs = {one.path for one in API.routes if one.needs_key}
    assert needs == {
        "/blind",
        "/sessions",
        "/templates/<name>/sessions",
        "/templates/<name>/table",
    }
