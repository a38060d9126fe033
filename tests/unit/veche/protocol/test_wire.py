"""What is said of a body that is not of its kind."""

from typing import Annotated, Any

import pytest
from pydantic import Field, model_validator

from tests.support.tables import each_row
from veche.protocol.errors import MalformedError
from veche.protocol.wire import Wire, parse


class Inner(Wire):
    count: int


class Order(Wire):
    inner: Inner
    lines: Annotated[tuple[int, ...], Field(strict=False, min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _check(self) -> "Order":
        if self.inner.count < sum(self.lines):
            raise ValueError("the lines are more than the total")
        return self


@each_row(
    ("content", "field", "words"),
    [
        ([], "body", "should be an object"),
        ({"inner": 3, "lines": [1]}, "body.inner", "should be an object"),
        ({"inner": {"count": 1}, "lines": 1}, "body.lines", "should be a list"),
        ({"inner": {"count": 1}, "lines": []}, "body.lines", "should have at least 1 entries"),
        ({"inner": {"count": 9}, "lines": [1] * 3}, "body.lines", "should have at most 2 entries"),
        ({"inner": {"count": 1}, "lines": [2]}, "body", "the lines are more than the total"),
        ({"inner": {"count": 1.5}, "lines": [1]}, "body.inner.count", "valid integer"),
    ],
)
def test_the_reason_is_in_the_senders_words(content: Any, field: str, words: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse(Order, content)

    assert refused.value.field == field
    said = str(refused.value)
    assert said.startswith(f"{field}: ")
    assert words in said
    assert not any(one in said for one in ("Value error", "instance of", "Tuple", "validation"))


class Either(Wire):
    one: Order | Inner


def test_no_class_of_the_program_stands_in_a_place() -> None:
    with pytest.raises(MalformedError) as refused:
        parse(Either, {"one": {"inner": {"count": 1.5}, "lines": [1]}})

    assert refused.value.field == "body.one.inner.count"
