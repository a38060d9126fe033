"""Pictures of payment codes that persons send, up to the question or to why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.payments.chats.jobs import ReadPicture
from appservices.payments.chats.service import pictures
from appservices.payments.chats.service.pictures import READ
from appservices.payments.chats.texts.pictures import PICTURE_BYTES_MAX
from appservices.payments.formats.core import emv
from tests.integration.appservices.payments.courier import Courier, Homeserver, sent
from tests.integration.appservices.payments.stage import ALICE, BOB, Stage
from tests.support.drawn_codes import beside, drawn, saved
from tests.support.postgres import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.protocol.ids import UserId

pytestmark = pytest.mark.postgres

PIX: Final = emv.write(emv.EmvPayment(name="Padaria", city="RECIFE", country="BR", currency="BRL"))


@pytest.fixture(scope="module")
def house() -> Iterator[Stage]:
    with Stage.running() as one:
        yield one


@pytest.fixture
def stage(house: Stage) -> Iterator[Stage]:
    house.heard.said.clear()
    execute(house.dsn, "DELETE FROM runtime.errand")
    yield house
    assert house.holds() == 0


@pytest.fixture
def courier(stage: Stage) -> Courier:
    return Courier(stage, pictures.take, ReadPicture, READ)


def shown(*texts: str) -> bytes:
    """A picture of codes, one beside the other."""
    return saved(beside([drawn(one) for one in texts]))


def answer(courier: Courier, person: UserId, content: dict[str, Any]) -> str:
    """The last thing that a person is told after they sent a picture."""
    assert courier.post(person, content)
    courier.deliver()
    return courier.stage.told(person)[-1]


def test_what_the_code_says_is_answered_as_if_it_were_pasted(courier: Courier) -> None:
    assert "Padaria" in answer(courier, ALICE, sent(courier.server, shown(PIX)))
    assert "Padaria" in answer(courier, ALICE, sent(courier.server, shown(PIX, "WIFI:S:guests;;")))


def test_a_picture_that_asks_for_nothing_says_why(courier: Courier) -> None:
    server = courier.server
    whole = shown(PIX)
    other = emv.write(attrs.evolve(emv.read(PIX), name="Eve"))
    damaged = sent(server, whole)
    server.files[damaged["file"]["url"]] += b"x"
    big = {"mimetype": "image/png", "size": PICTURE_BYTES_MAX + 1}
    for content, words in (
        (sent(server, shown(PIX, other)), "several payment codes"),
        (sent(server, shown("https://example.org/menu")), "This is no payment code of a kind"),
        (sent(server, shown("WIFI:S:guests;;")), "This is no payment code of a kind"),
        (sent(server, shown(PIX[:-1] + "Z")), "This code is damaged or was altered"),
        (sent(server, b"no picture"), "PNG, JPEG, WebP and GIF"),
        (sent(server, whole[:200]), "it is damaged or cut off"),
        (damaged, "it is damaged or cut off"),
        (sent(server, whole, info=big), "has at most 10 MB"),
        ({**sent(server, whole), "file": {"v": "v2"}}, "it is damaged or cut off"),
        (sent(Homeserver(), whole), "could not get the picture"),
        (
            {"msgtype": "m.image", "body": "x", "url": "mxc://veche.test/x"},
            "The picture is not encrypted",
        ),
    ):
        assert words in answer(courier, ALICE, content)


def test_one_has_one_picture_read_at_a_time(courier: Courier) -> None:
    content = sent(courier.server, shown(PIX))
    assert courier.post(ALICE, content)
    assert courier.post(ALICE, content)
    assert "still reading the picture" in courier.stage.told(ALICE)[-1]
    assert courier.post(BOB, content)
    courier.deliver()

    assert "Padaria" in courier.stage.told(ALICE)[-1]
    assert "Padaria" in courier.stage.told(BOB)[-1]
    assert "Padaria" in answer(courier, ALICE, content)


def test_what_is_no_picture_is_left_to_others(courier: Courier) -> None:
    content = sent(courier.server, b"%PDF-1.7", msgtype="m.file")
    as_file = sent(courier.server, shown(PIX), msgtype="m.file")

    assert not courier.post(ALICE, {**content, "info": {"mimetype": "application/pdf"}})
    assert not courier.post(ALICE, {"msgtype": "m.text", "body": "picture.png"})
    assert "Padaria" in answer(courier, ALICE, as_file)


def test_who_has_a_dispute_says_that_a_picture_is_to_be_paid(courier: Courier) -> None:
    stage = courier.stage
    number = stage.paid(5_000)
    stage.say(ALICE, "dispute", f"{number} it never came")
    stage.answer(ALICE, "open")
    stage.write()
    plain = sent(courier.server, shown(PIX))
    captioned = {**plain, "filename": "code.png", "body": " !Pay "}

    assert not courier.post(ALICE, plain)
    assert "Padaria" in answer(courier, ALICE, captioned)
    stage.answer(ALICE, "withdraw")
    stage.write()
