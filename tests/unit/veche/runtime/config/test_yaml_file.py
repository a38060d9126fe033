import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.protocol.errors import ConfigError
from veche.runtime.config.yaml_file import DEPTH_MAX, YAML_BYTES_MAX, read_yaml, read_yaml_file


def read(text: str) -> Any:
    return read_yaml(text, name="a.yaml").content


def test_scalars_are_those_of_yaml_1_2() -> None:
    assert read("[no, yes, on, 10:30, 2026-01-31, 0x1f, 1_000, 010]") == [
        "no", "yes", "on", "10:30", "2026-01-31", "0x1f", "1_000", 10,
    ]  # fmt: skip
    assert read("[true, False, null, ~, -3, 2.5, 1e3, .5, text]") == [
        True, False, None, None, -3, 2.5, 1000.0, 0.5, "text",
    ]  # fmt: skip


def test_what_is_quoted_is_a_text() -> None:
    assert read("['1', \"true\", '']") == ["1", "true", ""]
    assert read("a: |\n  10\n") == {"a": "10\n"}


def test_keys_are_texts() -> None:
    assert read("{1: a, true: b}") == {"1": "a", "true": "b"}


def test_an_empty_document_is_none() -> None:
    assert read("") is None
    assert read("# nothing\n") is None


def test_each_key_and_item_has_its_line() -> None:
    document = read_yaml("a: 1\nb:\n  c:\n    - x\n    - y\n", name="a.yaml")

    assert document.line(("a",)) == 1
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "c", 1)) == 5
    assert document.line(("b", "unknown")) == 2
    assert document.line(("unknown",)) == 1


@each_row(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"a\.yaml:3: 'a' is here twice, first in line 1"),
        ("a: {b: 1,\n b: 2}", r"a\.yaml:2: 'b' is here twice"),
        ("a: &x 1\nb: *x\n", r"a\.yaml:2: not YAML: aliases"),
        ("a: !!python/name:os.system\n", r"a\.yaml:1: the tag"),
        ("a: !!int '3'\n", r"a\.yaml:1: the tag"),
        ("a: b: c", r"a\.yaml:1: not YAML"),
        ("a:\n\t- b", r"a\.yaml:2: not YAML"),
        ("a: 1\n---\nb: 2\n", r"a\.yaml:2: not YAML: but found another document"),
        ("? [a]\n: 1\n", r"a\.yaml:1: a key must be a text"),
        ("a: \x00", r"a\.yaml: not YAML"),
        (f"a: {'9' * 5000}", r"a\.yaml:1: a number has at most 4000 digits"),
    ],
)
def test_what_would_surprise_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_aliases_cannot_make_a_small_file_large() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    with pytest.raises(ConfigError, match="aliases"):
        read("\n".join(lines))


def test_nesting_is_bounded() -> None:
    assert read("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    with pytest.raises(ConfigError, match="nested deeper"):
        read("[" * (DEPTH_MAX + 2) + "]" * (DEPTH_MAX + 2))
    with pytest.raises(ConfigError, match=r"nested deeper|not YAML"):
        read("[" * 5_000)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_what_a_writer_of_yaml_writes_is_read_back(content: Any) -> None:
    assert read(yaml.safe_dump(content, width=1_000_000)) == content


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        read(text)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: Привет\n")
    assert read_yaml_file(path).content == {"a": "Привет"}


def test_a_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"#" * YAML_BYTES_MAX)
    assert read_yaml_file(path).content is None

    path.write_bytes(b"#" * (YAML_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml_file(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        read_yaml_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_yaml_file(tmp_path)
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 3"):
        read_yaml_file(path)
