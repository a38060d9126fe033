"""The OpenAPI document of the institution's API: valid, with what merchants are told of."""

from openapi_spec_validator import OpenAPIV31SpecValidator

import appservices.payments.routes  # noqa: F401 -- declares the routes
from appservices.payments.institutions.routes import API
from veche.api.openapi import document


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document(API)).validate()


def test_what_comes_before_an_invoice_is_paid_is_in_it() -> None:
    found = document(API)["paths"]

    invoice = "/invoices/{invoice_id}"
    assert set(found[f"{invoice}/confirm"]) == {"post"}
    assert set(found[f"{invoice}/refuse"]) == {"post"}
    assert set(found[f"{invoice}/quote"]) == {"get", "post"}
