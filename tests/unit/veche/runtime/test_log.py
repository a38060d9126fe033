import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from twisted.logger import Logger as TwistedLogger

from veche.runtime import log
from veche.runtime.log import MESSAGE_CHARACTERS_MAX, REQUEST_ID

logger = logging.getLogger("veche.test")


@contextmanager
def logged(level: str = "INFO", *, is_json: bool = False) -> Iterator[io.StringIO]:
    """What is written while the block runs; the log of the test runner is put back after it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("twisted").level
    stream = io.StringIO()
    log.set_up(level, "json" if is_json else "text", stream)
    try:
        yield stream
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        logging.getLogger("twisted").setLevel(before[2])


def test_a_line_of_text_says_when_who_and_what() -> None:
    with logged() as stream:
        logger.info("sent %s", "$event")
    assert stream.getvalue().endswith("Z INFO    veche.test: sent $event\n")


def test_a_line_of_json_is_one_object() -> None:
    with logged(is_json=True) as stream:
        logger.warning("sent\n%s", "Привет")
    line = json.loads(stream.getvalue())
    assert line.pop("at").endswith("Z")
    assert line == {"level": "WARNING", "logger": "veche.test", "message": "sent\nПривет"}


@pytest.mark.parametrize("is_json", [True, False])
def test_a_line_has_the_id_of_its_request(is_json: bool) -> None:
    with logged(is_json=is_json) as stream:
        token = REQUEST_ID.set("r1")
        logger.info("inside")
        REQUEST_ID.reset(token)
        logger.info("outside")
    inside, outside = stream.getvalue().splitlines()
    assert "r1" in inside
    assert "r1" not in outside


def test_what_is_quoted_cannot_look_like_a_line_of_ours() -> None:
    with logged() as stream:
        logger.info("said %s", "x\n2026-01-01 ERROR forged\r")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("is_json", [True, False])
def test_a_long_message_is_cut(is_json: bool) -> None:
    with logged(is_json=is_json) as stream:
        logger.info("x" * MESSAGE_CHARACTERS_MAX)
        logger.info("y" * (MESSAGE_CHARACTERS_MAX + 1))
    whole, cut = stream.getvalue().splitlines()
    assert "…" not in whole
    assert cut.count("y") == MESSAGE_CHARACTERS_MAX
    assert "…" in cut


@pytest.mark.parametrize("is_json", [True, False])
def test_an_error_has_its_traceback(is_json: bool) -> None:
    with logged(is_json=is_json) as stream:
        try:
            int("broken")
        except ValueError:
            logger.exception("failed")
    assert "ValueError: invalid literal" in stream.getvalue()
    assert "Traceback" in stream.getvalue()


def test_less_important_lines_are_left_out() -> None:
    with logged("WARNING") as stream:
        logger.info("quiet")
    assert stream.getvalue() == ""


def test_twisted_and_warnings_come_through() -> None:
    with logged() as stream:
        TwistedLogger("somewhere").error("twisted says")
        TwistedLogger("somewhere").info("twisted chats")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a warning", UserWarning, stacklevel=1)
    assert "twisted says" in stream.getvalue()
    assert "twisted chats" not in stream.getvalue()
    assert "a warning" in stream.getvalue()


def test_setting_up_again_replaces_the_first() -> None:
    with logged() as first, logged() as second:
        logger.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1
