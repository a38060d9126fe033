"""Files, photos and places: what clients send of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import file_content, read, refusal
from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.forms import Problem
from veche.protocol.forms.files import FILE_NAME_CHARACTERS_MAX, MXC_CHARACTERS_MAX
from veche.protocol.forms.models import FILE_BYTES_MAX
from veche.protocol.forms.places import (
    GEO_CHARACTERS_MAX,
    LATITUDE_MICRODEGREES_MAX,
    LONGITUDE_MICRODEGREES_MAX,
)

PHOTO = {
    "msgtype": "m.image",
    "body": "me.jpg",
    "url": "mxc://example.org/abc",
    "info": {"mimetype": "image/jpeg", "size": 5, "w": 1, "h": 1},
}


def broken(path: str, value: object) -> dict[str, Any]:
    """An encrypted file with one part replaced; None takes it away."""
    content = file_content()
    *parents, last = path.split(".")
    inner = content
    for name in parents:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return content


def test_an_encrypted_file_keeps_what_opens_it() -> None:
    content = file_content()

    assert read("file", content) == {
        "name": "passport.pdf",
        "mimetype": "application/pdf",
        "size_bytes": 1_500_000,
        "mxc": "mxc://example.org/abcDEF123",
        "sha256": "c" * 43,
        "file": content["file"],
    }


def test_a_file_in_clear_has_only_its_place() -> None:
    assert read("photo", PHOTO) == {
        "name": "me.jpg",
        "mimetype": "image/jpeg",
        "size_bytes": 5,
        "mxc": "mxc://example.org/abc",
    }


def test_the_name_of_a_file_with_a_caption_is_its_filename() -> None:
    value = read("file", file_content(body="My passport", filename="p.pdf"))

    assert isinstance(value, dict)
    assert value["name"] == "p.pdf"


@each_row(
    ("given", "name"),
    [
        ("../../etc/passwd", "_.._etc_passwd"), ("a\x00b\n.pdf", "a_b_.pdf"), ("", "file"),
        ("...", "file"), (None, "file"), (5, "file"), ("C:\\x.pdf", "C__x.pdf"),
        ("паспорт.pdf", "паспорт.pdf"), ("exe\u202efdp.pdf", "exe_fdp.pdf"),
        ("x" * (FILE_NAME_CHARACTERS_MAX + 10) + ".pdf",
         "x" * (FILE_NAME_CHARACTERS_MAX - 4) + ".pdf"),
    ],
)  # fmt: skip
def test_names_of_files_are_made_safe(given: object, name: str) -> None:
    value = read("file", file_content(body=given))

    assert isinstance(value, dict)
    assert value["name"] == name


@each_row("kind", ["file", "photo"])
@each_row(
    "raw", ["passport.pdf", 5, True, ["file"], {"msgtype": "m.text", "body": "x"}, {"body": "x"}]
)
def test_what_is_no_file_is_refused(kind: str, raw: object) -> None:
    expected = Problem.NOT_A_PHOTO if kind == "photo" else Problem.NOT_A_FILE

    assert refusal(kind, raw) is expected


@each_row(
    ("path", "value"),
    [
        ("file.url", "https://example.org/x"), ("file.url", "mxc://a/../b"), ("file.url", None),
        ("file.url", "mxc://example.org/" + "a" * MXC_CHARACTERS_MAX), ("file.v", "v1"),
        ("file.key", {}), ("file.key.k", "short"), ("file.key.alg", "A128CTR"),
        ("file.key.ext", False), ("file.key.key_ops", ["x"] * 9), ("file.iv", "="),
        ("file.key.key_ops", ["\0"]),
        ("file.hashes", {}), ("file.hashes.sha256", "x"), ("file", "mxc://example.org/a"),
        ("file", None), ("file", []),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_opened_is_refused(path: str, value: object) -> None:
    assert refusal("file", broken(path, value)) is Problem.FILE_BROKEN


def test_padded_base64_of_other_clients_is_taken() -> None:
    content = broken("file.hashes.sha256", "c" * 43 + "=")

    value = read("file", content)

    assert isinstance(value, dict)
    assert value["sha256"] == "c" * 43


@each_row("info", [None, [], {}, {"size": "5"}, {"size": -1}, {"size": True}])
def test_a_file_without_good_information_has_no_size(info: object) -> None:
    value = read("file", file_content(info=info))

    assert isinstance(value, dict)
    assert "size_bytes" not in value
    assert value["mimetype"] == "application/octet-stream"


@each_row(
    ("kind", "mimetype", "more", "is_taken"),
    [
        ("photo", "image/jpeg", {}, True), ("photo", "IMAGE/PNG; x=y", {}, True),
        ("photo", "image/svg+xml", {}, False), ("photo", "application/pdf", {}, False),
        ("photo", 7, {}, False), ("photo", "image/gif", {"mimetypes": ["image/*"]}, True),
        ("file", "text/html", {}, True), ("file", "text/html", {"mimetypes": ["text/*"]}, True),
        ("file", "text/html", {"mimetypes": ["application/pdf"]}, False),
        ("file", "not a type", {"mimetypes": ["application/pdf"]}, False),
    ],
)  # fmt: skip
def test_kinds_of_files_are_bounded(
    kind: str, mimetype: object, more: dict[str, Any], is_taken: bool
) -> None:
    content = file_content(info={"mimetype": mimetype})

    if is_taken:
        assert read(kind, content, **more)
    else:
        assert refusal(kind, content, **more) is Problem.FILE_KIND


@pytest.mark.parametrize(("size", "is_taken"), [(0, True), (100, True), (101, False)])
def test_sizes_of_files_are_bounded(size: int, is_taken: bool) -> None:
    content = file_content(info={"size": size})

    if is_taken:
        assert read("file", content, bytes_max=100)
    else:
        assert refusal("file", content, bytes_max=100) is Problem.FILE_TOO_BIG


def test_no_file_is_over_the_bound_of_all() -> None:
    assert read("file", file_content(info={"size": FILE_BYTES_MAX}))
    for size in (FILE_BYTES_MAX + 1, INTEGER_MAX, 10**100):
        assert refusal("file", file_content(info={"size": size})) is Problem.FILE_TOO_BIG


@each_row(
    ("raw", "latitude", "longitude"),
    [
        ("52.517036, 13.388860", 52_517_036, 13_388_860), ("52.5 13.4", 52_500_000, 13_400_000),
        ("52,5; 13,4", 52_500_000, 13_400_000), ("52,5, 13,4", 52_500_000, 13_400_000),
        ("-33.86,151.2", -33_860_000, 151_200_000),
        ("\u221233.86° , 151.2°", -33_860_000, 151_200_000),
        ("geo:52.5,13.4", 52_500_000, 13_400_000),
        ("GEO:52.5,13.4,34.1;u=12", 52_500_000, 13_400_000),
        ("0, 0", 0, 0), ("90,-180", 90_000_000, -180_000_000),
        ("1.0000004,1.0000006", 1_000_000, 1_000_001),
        ({"msgtype": "m.location", "geo_uri": "geo:1,2", "body": "x"}, 1_000_000, 2_000_000),
        ({"latitude_microdegrees": 1, "longitude_microdegrees": -2}, 1, -2),
    ],
)  # fmt: skip
def test_places_are_read(raw: object, latitude: int, longitude: int) -> None:
    assert read("geo", raw) == {
        "latitude_microdegrees": latitude,
        "longitude_microdegrees": longitude,
    }


@each_row(
    "raw",
    [
        "Berlin", "52.5", "91, 0", "0, 181", "-90.000001 0", "1,2,3", "geo:1", "geo:a,b", "1..2, 3",
        "1, 2 3", "52.5N 13.4E", "geo:1,2;" + "x" * GEO_CHARACTERS_MAX,
        {"geo_uri": "mxc://x"}, {"geo_uri": "x" * 99}, {"latitude_microdegrees": 1},
        {"latitude_microdegrees": 1.0, "longitude_microdegrees": 2},
        {"latitude_microdegrees": True, "longitude_microdegrees": 2},
        {"latitude_microdegrees": LATITUDE_MICRODEGREES_MAX + 1, "longitude_microdegrees": 2},
        {"latitude_microdegrees": 1, "longitude_microdegrees": -LONGITUDE_MICRODEGREES_MAX - 1},
        {"latitude_microdegrees": 10**100, "longitude_microdegrees": 0},
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused(raw: object) -> None:
    assert refusal("geo", raw) is Problem.NOT_A_PLACE


@pytest.mark.parametrize("raw", [5, [1, 2], {"geo_uri": 5}])
def test_a_place_is_text_or_a_location(raw: object) -> None:
    assert refusal("geo", raw) is Problem.NOT_TEXT
