"""Coats of arms of operators."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.unit.appservices.agency.builders import ROOT
from veche.protocol.errors import ConfigError
from veche.runtime.files.pictures import PICTURE_BYTES_MAX, read_picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["lindenau", "bank", "signatures"])
def test_a_drawing_becomes_a_picture_that_every_client_shows(name: str) -> None:
    picture = read_picture(ROOT / f"config/pictures/{name}.svg")

    assert picture is not None
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("PNG", (512, 512))
        assert len(image.convert("RGB").getcolors(512 * 512) or ()) > 2
    assert len(picture) < 64 * 1024


def test_a_png_stays_as_it_is(tmp_path: Path) -> None:
    png = read_picture(ROOT / "config/pictures/bank.svg")
    assert png is not None
    (tmp_path / "one.png").write_bytes(png)

    assert read_picture(tmp_path / "one.png") == png


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GIF89a", "no picture"),
        (b"\xff\xfe", "no picture"),
        (b"", "no picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/>', "no picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(PICTURE_BYTES_MAX), "make it smaller"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "one").write_bytes(data)

    with pytest.raises(ConfigError, match=why):
        read_picture(tmp_path / "one")


def test_a_picture_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.png: the picture cannot be read"):
        read_picture(tmp_path / "none.png")
