"""Codes in pictures that strangers send, read in the child as the service does."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any, Final

import pytest
import zxingcpp
from PIL import Image, ImageFilter

from appservices.payments.chats.service.picture_codes import SIDE_MAX, codes_in
from appservices.payments.chats.texts.pictures import PIXELS_MAX, PictureProblem
from tests.support.drawn_codes import beside, drawn, saved
from tests.support.tables import each_row
from veche.runtime.files.sandbox import in_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

LINK: Final = "https://pay.example/pay#to=@bob:pay.example&am=3.20&cu=EUR&for=coffee"
OTHER: Final = "https://pay.example/pay#to=@eve:pay.example&am=3.20&cu=EUR&for=coffee"


def clear(picture: Image.Image) -> Image.Image:
    """Black on nothing, as stickers and logos are."""
    whole = Image.new("LA", picture.size, (0, 0))
    whole.paste((0, 255), mask=picture.point(lambda value: 255 - value))
    return whole


def photo(picture: Image.Image) -> Image.Image:
    """As a telephone takes it: larger, turned, out of focus, with things around it."""
    around = Image.effect_noise((3_000, 4_000), 60)
    large = picture.resize((1_400, 1_400)).rotate(17, expand=True, fillcolor=255)
    around.paste(large, (600, 900))
    return around.filter(ImageFilter.GaussianBlur(2))


@each_row("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_code_is_read_in_each_kind_of_picture(kind: str) -> None:
    assert codes_in(saved(drawn(LINK), kind)) == [LINK]


@each_row(
    "taken",
    [
        lambda: photo(drawn(LINK)),
        lambda: clear(drawn(LINK)),
        lambda: drawn(LINK).point(lambda value: 255 - value),
        lambda: drawn(LINK, scale=60),
    ],
)
def test_a_code_is_read_as_people_have_it(taken: Callable[[], Image.Image]) -> None:
    picture = taken()
    kind = "JPEG" if picture.mode == "L" else "PNG"

    assert in_sandbox(codes_in, saved(picture, kind)) == [LINK]


def test_other_kinds_of_codes_of_banks_are_read() -> None:
    for kind in (zxingcpp.BarcodeFormat.Aztec, zxingcpp.BarcodeFormat.DataMatrix):
        code = zxingcpp.create_barcode(LINK, kind)
        image: Any = code.to_image(scale=5)
        height, width = image.shape
        picture = Image.frombytes("L", (width, height), bytes(memoryview(image)))
        assert codes_in(saved(picture)) == [LINK]


@pytest.mark.parametrize(("number", "encoding"), [("1", "cp1251"), ("2", "utf-8"), ("3", "koi8-r")])
def test_a_code_by_gost_is_read_in_the_encoding_that_it_names(number: str, encoding: str) -> None:
    text = f"ST0001{number}|Name=Школа|PersonalAcc=40102810545370000003|BankName=Банк"

    assert codes_in(saved(drawn(text, encoding=encoding))) == [text]


def test_each_code_of_several_is_told_once() -> None:
    found = codes_in(saved(beside([drawn(one) for one in (LINK, OTHER, LINK)])))

    assert isinstance(found, list)
    assert sorted(found) == sorted([LINK, OTHER])


def test_a_picture_without_a_code_has_none() -> None:
    assert codes_in(saved(Image.effect_noise((800, 600), 80), "JPEG")) == []


def bomb(width: int, height: int) -> bytes:
    """A PNG of many points in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    packer = zlib.compressobj(9)
    row = bytes(1 + width // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


SVG: Final = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


def test_a_hostile_picture_is_refused_and_why() -> None:
    whole, jpeg = saved(drawn(LINK)), saved(photo(drawn(LINK)), "JPEG")
    moving = {
        f"moving {kind}": saved(drawn(LINK), kind, save_all=True, append_images=[drawn(OTHER)])
        for kind in ("GIF", "PNG", "WEBP")
    }
    hostile = {
        PictureProblem.KIND: {
            "empty": b"",
            "words": b"no picture at all",
            "SVG": SVG,
            "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "BMP": saved(drawn(LINK), "BMP"),
            "TIFF": saved(drawn(LINK), "TIFF"),
        },
        PictureProblem.BROKEN: {
            "half a PNG": whole[: len(whole) // 2],
            "half a JPEG": jpeg[: len(jpeg) // 2],
            "changed": whole[:60] + b"\x5a" * 400,
        },
        PictureProblem.TOO_WIDE: {
            "bomb": bomb(40_000, 40_000),
            "line": bomb(PIXELS_MAX + 8, 1),
        },
        PictureProblem.MOVES: moving,
    }

    for problem, pictures in hostile.items():
        for name, picture in pictures.items():
            assert in_sandbox(codes_in, picture) == problem, name


def test_the_largest_pictures_are_read_within_the_bounds_of_the_sandbox() -> None:
    side = int(PIXELS_MAX**0.5)
    whole = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    whole.paste(drawn(LINK, scale=40).convert("RGBA"), (99, 99))
    huge = Image.new("L", (12_000, 12_000), 255)
    huge.paste(drawn(LINK, scale=100), (0, 0))

    assert in_sandbox(codes_in, saved(whole, compress_level=1)) == [LINK]
    assert in_sandbox(codes_in, saved(huge, "JPEG")) == [LINK]
    assert side > SIDE_MAX


def test_the_process_of_the_service_has_nothing_that_opens_pictures() -> None:
    names = "{'PIL', 'zxingcpp'} & {name.partition('.')[0] for name in sys.modules}"
    code = f"import sys, appservices.payments.bot; print({names})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
