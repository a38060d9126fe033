"""What the section ``app`` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from appservices.app import demo
from appservices.app.config import AppSection
from appservices.app.examining import TOKEN_STAGE, registration_of
from appservices.app.service import Signer
from appservices.app.spec import faults
from appservices.app.vapid import new_key
from veche.protocol.errors import ConfigError
from veche.protocol.texts.catalogue import LANGUAGES
from veche.runtime.config import load
from veche.runtime.web.outbound import Place as WebPlace
from veche.server.demo import Place

if TYPE_CHECKING:
    from pathlib import Path

LEAST: dict[str, Any] = {"homeserver_url": "https://m.example.org", "name": {"en": "Town"}}
PUSH = {"vapid_key_path": "key", "contact": "mailto:a@example.org"}


def read(folder: Path, text: str) -> AppSection:
    path = folder / "veche.yaml"
    path.write_text(text)
    section = load(path, {"app": AppSection})["app"]
    assert isinstance(section, AppSection)
    return section


def test_off_needs_no_quotes(tmp_path: Path) -> None:
    """YAML reads it as false."""
    text = yaml.safe_dump({"app": LEAST}) + "  registration: off\n"

    assert read(tmp_path, text).registration == "off"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"registration": "yes"}, "registration"),
        ({"registration": True}, "registration"),
        ({"homeserver_url": "https://m.example.org/_matrix"}, "homeserver_url"),
        ({"homeserver_url": "m.example.org"}, "homeserver_url"),
        ({"notice": {"en": "x" * 501}}, "500 characters"),
        ({"notice": {"xx": "x"}}, "notice"),
        ({"admin_token_path": "token"}, "registration: invitation"),
        ({"push": {**PUSH, "contact": "admin"}}, "contact"),
        ({"push": {**PUSH, "contact": "https://example.org/admin"}}, "contact"),
        ({"push": {**PUSH, "services": ["https://push.example"]}}, "services"),
        ({"push": {**PUSH, "networks": ["localhost"]}}, "networks"),
        ({"push": {**PUSH, "kept": "1 h"}}, "kept"),
        ({"push": {**PUSH, "subscriptions_max": 0}}, "subscriptions_max"),
        ({"push": {}}, "vapid_key_path"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, more: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        read(tmp_path, yaml.safe_dump({"app": {**LEAST, **more}}))


def test_the_demo_keeps_its_key_and_speaks_every_language(tmp_path: Path) -> None:
    urls = ("http://localhost:8008", "http://localhost:8124", "http://localhost:8125")
    place = Place(tmp_path, tmp_path, 1, *urls)
    first = demo.app_section(place)

    section = read(tmp_path, yaml.safe_dump({"app": demo.app_section(place)}))

    assert demo.app_section(place) == first
    assert section.registration == "open"
    assert set(section.notice or {}) == set(section.name) == set(LANGUAGES)


@pytest.mark.parametrize("contact", ["mailto:a.b@example.org", "https://example.org"])
def test_whoever_may_be_named_is_named_in_signatures(tmp_path: Path, contact: str) -> None:
    (tmp_path / "key").write_text(new_key())
    (tmp_path / "key").chmod(0o600)
    section = read(
        tmp_path, yaml.safe_dump({"app": {**LEAST, "push": {**PUSH, "contact": contact}}})
    )
    assert section.push is not None

    header = Signer(section.push).authorization(WebPlace("push.example", 443, "push.example"), 1.0)

    assert header.startswith("vapid t=")
    assert list(faults(section)) == []


@pytest.mark.parametrize("key", ["", "short", "A" * 43, "\xff" * 43, "-----BEGIN PRIVATE KEY-----"])
def test_a_key_that_is_none_is_named_before_the_start(tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    section = read(tmp_path, yaml.safe_dump({"app": {**LEAST, "push": PUSH}}))

    [(what, mend)] = faults(section)

    assert what.startswith("app.push.vapid_key_path: ")
    assert str(tmp_path / "key") in what
    assert "veche app key" in mend


@pytest.mark.parametrize(
    ("status", "content", "registration"),
    [
        (403, {"errcode": "M_FORBIDDEN"}, "off"),
        (404, None, "off"),
        (401, {"flows": "x"}, "off"),
        (401, {"flows": [{"stages": ["m.login.dummy"]}]}, "open"),
        (401, {"flows": [{"stages": [TOKEN_STAGE, "m.login.dummy"]}]}, "invitation"),
        (401, {"flows": [{"stages": [TOKEN_STAGE]}, {"stages": ["m.login.dummy"]}]}, "open"),
        (401, {"flows": [7, {"stages": 7}]}, "open"),
    ],
)
def test_how_a_homeserver_gives_accounts(status: int, content: object, registration: str) -> None:
    assert registration_of(status, content) == registration
