"""What stands in JSON as a list is read again as what it was."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, get_args, get_origin

import veche.protocol
from appservices.payments.escrows.api import EscrowView
from veche.protocol.wire import Wire, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

for found in pkgutil.walk_packages(veche.protocol.__path__, "veche.protocol."):
    importlib.import_module(found.name)


def shapes(of: type[Wire] = Wire) -> Iterator[type[Wire]]:
    for one in of.__subclasses__():
        if one.__module__.startswith("veche.protocol."):
            yield one
        yield from shapes(one)


def strict_lists() -> Iterator[str]:
    """Fields that are tuples, and take nothing but a tuple."""
    for shape in shapes():
        for name, field in shape.model_fields.items():
            kinds = {get_origin(one) for one in (field.annotation, *get_args(field.annotation))}
            strict = [getattr(one, "strict", None) for one in field.metadata]
            if tuple in kinds and False not in strict:
                yield f"{shape.__module__}.{shape.__name__}.{name}"


def test_each_list_of_a_shape_is_read_from_json() -> None:
    assert list(strict_lists()) == []


def test_the_answer_to_an_escrow_is_read_again_as_it_is_kept_for_its_key() -> None:
    view = EscrowView.model_validate(
        {
            "id": "01M7Q5D377RBGZH3WYMGT2FT4W",
            "state": "proposed",
            "amount": {"minor": 100, "currency": "EUR"},
            "title": "Oven",
            "k": 2,
            "parties": (),
            "on_silence": "return",
            "ends_at_ms": 1,
        },
        strict=False,
    )

    assert parse(EscrowView, view.model_dump(mode="json")) == view
