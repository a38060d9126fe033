"""Documents of typst: the same every time, and away from the disk and the network."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pikepdf
import pytest

from veche.runtime.files.typesetting import (
    ARCHIVE,
    TypesettingError,
    check_source,
    labelled,
    typeset,
)

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = b"#let data = json(bytes(sys.inputs.data))\n#set document(title: [T])\n#data.words"
DATA = json.dumps({"words": "Rent: 900 EUR"})


def test_the_same_input_gives_the_same_bytes_of_the_day_that_is_said() -> None:
    first = typeset(SOURCE, DATA, at_ms=1_795_694_400_000, standard=ARCHIVE)

    assert typeset(SOURCE, DATA, at_ms=1_795_694_400_000, standard=ARCHIVE) == first
    with pikepdf.open(io.BytesIO(first)) as pdf:
        assert str(pdf.docinfo["/CreationDate"]).startswith("D:20261126")


def test_what_has_a_label_is_found() -> None:
    source = SOURCE + b"#metadata((id: 1)) <mark> #metadata((id: 2)) <mark> #metadata(3) <other>"

    assert labelled(source, DATA, "mark") == [{"id": 1}, {"id": 2}]
    assert labelled(source, DATA, "none") == []


@pytest.mark.parametrize("word", [b"import", b"include", b"eval"])
def test_a_source_that_reaches_out_is_refused_with_its_line(word: bytes) -> None:
    check_source(SOURCE)

    with pytest.raises(TypesettingError, match=f"line 4: .* {word.decode()} "):
        check_source(SOURCE + b"\n#" + word + b' "x"')


def test_a_source_sees_nothing_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")

    for path in (str(tmp_path / "secret.json"), "../secret.json", "/etc/passwd"):
        with pytest.raises(TypesettingError):
            typeset(f'#read("{path}")'.encode(), DATA, at_ms=0)
        with pytest.raises(TypesettingError):
            labelled(f'#read("{path}")'.encode(), DATA, "mark")


def test_what_no_font_can_show_is_refused_in_an_archive() -> None:
    with pytest.raises(TypesettingError, match="could not be displayed"):
        typeset(SOURCE, json.dumps({"words": "王"}), at_ms=0, standard=ARCHIVE)
