from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from appservices.witness.config import WitnessSection
from tests.support.tables import each_row
from veche.runtime.config import KERNEL_SECTIONS, Duration, FilePath, SecretPath, Section, Size
from veche.runtime.config.reference import configuration_page
from veche.server.installed import service_specs

PAGE = Path(__file__).parents[5] / "docs" / "reference" / "configuration.md"


class PartSection(Section):
    """A part."""

    is_on: bool = False
    """Whether | or not."""


class WholeSection(Section):
    """A whole.

    With a second paragraph.
    """

    name: str = Field(examples=["Records"])
    """Its name,
    on two lines."""
    term_ms: Duration = 7_200_000
    """Its term."""
    size_bytes: Size = 65_536
    """Its size."""
    key_path: SecretPath | None = None
    """Its key."""
    folder: FilePath | None = None
    """Its folder."""
    count: int = Field(default=3, ge=1, le=9)
    """Its count."""
    least: int = Field(default=3, ge=1)
    """At least."""
    mode: Literal["a", "b"] = "a"
    """Its mode."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Its labels."""
    pauses: list[Duration] = Field(default=[7_200_000, 60_000])
    """Its pauses."""
    words: tuple[str, ...] = ()
    """Its words."""
    parts: dict[str, PartSection] = Field(default_factory=dict)
    """Its parts."""
    days: tuple[Literal["a", "b"], ...] = ("a", "b")
    """Its days."""
    rows: list[PartSection] = Field(default_factory=list)
    """Its rows."""
    one: PartSection | None = None
    """Its one."""


LINES = configuration_page({"whole": WholeSection}).splitlines()


@each_row(
    "line",
    [
        "## `whole`",
        "With a second paragraph.",
        "| `name` | text, such as `Records` | **required** | Its name, on two lines. |",
        "| `term` | duration | `2 h` | Its term. |",
        "| `size` | size | `64 KiB` | Its size. |",
        "| `key_path` | path of a secret | none | Its key. |",
        "| `folder` | path | none | Its folder. |",
        "| `count` | number from 1 to 9 | `3` | Its count. |",
        "| `least` | number from 1 | `3` | At least. |",
        "| `mode` | `a` or `b` | `a` | Its mode. |",
        "| `labels` | text → text | empty | Its labels. |",
        "| `pauses` | list of duration | `[2 h, 1 min]` | Its pauses. |",
        "| `words` | list of text | empty | Its words. |",
        "| `parts` | by name, see `whole.parts` | empty | Its parts. |",
        "| `days` | list of `a` or `b` | `[a, b]` | Its days. |",
        "| `rows` | list, see `whole.rows` | empty | Its rows. |",
        "| `one` | see `whole.one` | none | Its one. |",
        "### `whole.parts`",
        "| `is_on` | true or false | `false` | Whether \\| or not. |",
    ],
)
def test_each_key_has_a_line(line: str) -> None:
    assert line in LINES


def test_every_key_of_the_kernel_is_documented() -> None:
    for name, model in KERNEL_SECTIONS.items():
        assert model.__doc__
        for key, field in model.model_fields.items():
            assert field.description, f"{name}.{key} needs a docstring under it"


@pytest.mark.skipif(
    not entry_points(group="veche.services"),
    reason="Veche is not installed in this Python, so it finds no services: ./run test",
)
def test_the_page_of_the_docs_is_up_to_date() -> None:
    services = {name: spec.config for name, spec in service_specs().items()}
    page = configuration_page({**KERNEL_SECTIONS, **services, "witness": WitnessSection})
    assert PAGE.read_text() == page, "./run config reference >docs/reference/configuration.md"
