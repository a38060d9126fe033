"""The registration of the application service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from veche.protocol.errors import ConfigError
from veche.runtime.matrix.registration import Registration, read_registration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def new() -> Registration:
    return Registration.make("veche", "http://127.0.0.1:8009", "example.org")


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    registration, file = new(), tmp_path / "registration.yaml"
    registration.write(file)

    assert read_registration(file) == registration
    assert file.stat().st_mode & 0o777 == 0o600


def test_writing_again_replaces_the_file(tmp_path: Path) -> None:
    file = tmp_path / "registration.yaml"
    new().write(file)
    second = new()
    second.write(file)

    assert read_registration(file) == second
    assert [one.name for one in tmp_path.iterdir()] == ["registration.yaml"]


def test_two_have_other_tokens_and_none_is_shown() -> None:
    first, second = new(), new()

    tokens = {first.as_token, first.hs_token, second.as_token, second.hs_token}
    assert len(tokens) == 4
    assert not any(token in repr(first) for token in tokens)


@pytest.mark.parametrize(
    ("user_id", "is_ours"),
    [
        ("@veche_:example.org", True),
        ("@veche_pay:example.org", True),
        ("@alice:example.org", False),
        ("@veche_pay:elsewhere.org", False),
        ("@veche_pay:example.org.evil", False),
        ("@vechepay:example.org", False),
        ("veche_pay:example.org", False),
        ("@veche_pay", False),
        ("", False),
    ],
)
def test_whose_a_user_is(user_id: str, is_ours: bool) -> None:
    assert new().is_ours(user_id) is is_ours


def test_the_regex_is_exclusive_and_of_this_server_alone() -> None:
    [users] = new().document()["namespaces"]["users"]

    assert users["exclusive"] is True
    assert re.match(users["regex"], "@veche_pay:example.org")
    assert not re.match(users["regex"], "@veche_pay:exampleXorg")
    assert not re.match(users["regex"], "@alice:example.org")


def test_bots_are_not_rate_limited_and_the_sender_is_in_the_namespace() -> None:
    registration = new()

    assert registration.document()["rate_limited"] is False
    assert registration.is_ours(registration.sender)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.pop(name)


def _with(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(changes)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_without("id"), "id"),
        (_without("as_token"), "as_token"),
        (_without("hs_token"), "hs_token"),
        (_without("url"), "url"),
        (_without("namespaces"), "namespaces"),
        (_with(id="a|b"), "id"),
        (_with(as_token=5), "as_token"),
        (_with(as_token="same", hs_token="same"), "differ"),
        (_with(rate_limited=True), "rate_limited"),
        (_with(sender_localpart="other"), "sender_localpart"),
        (_with(namespaces={"users": [{"regex": "@.*", "exclusive": True}]}), "namespaces"),
        (_with(namespaces={"users": []}), "namespaces"),
    ],
)
def test_one_that_is_not_ours_is_refused_by_name(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    file = tmp_path / "registration.yaml"
    content = new().document()
    change(content)
    file.write_text(yaml.safe_dump(content))

    with pytest.raises(ConfigError, match=named):
        read_registration(file)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "\x00"])
def test_what_is_no_registration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "registration.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError):
        read_registration(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no registration"):
        read_registration(tmp_path / "none.yaml")
