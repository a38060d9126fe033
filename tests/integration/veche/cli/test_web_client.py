"""The web client of the demo: built by the real npm, served by the real server."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.calls import request
from tests.support.node import why_no_types
from tests.support.processes import free_ports, wait_until
from veche.cli.guard import Guard
from veche.cli.homeserver import is_healthy
from veche.cli.web_client import SOURCE, WebClient
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 120
pytestmark = [
    pytest.mark.skipif(bool(why_no_types()), reason=f"nothing from npm here: {why_no_types()}")
]


def client_in(folder: Path) -> WebClient:
    (port,) = free_ports(1)
    return WebClient(folder, port, "http://localhost:8008")


def test_it_is_built_once_and_offers_the_homeserver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_in(tmp_path / "state").build()
    monkeypatch.setenv("PATH", "")  # nothing can be fetched any more

    client = client_in(tmp_path / "state")
    client.build()

    with closing(Guard()) as guard:
        child = client.serve(tmp_path / "log", guard)
        wait_until(lambda: is_healthy(client.port, "/"), WAIT_S, "it is not served")
        config = request("GET", f"{client.url}/config.json").body
        child.stop()
    assert config == {"defaultHomeServer": "http://localhost:8008"}
    assert list((tmp_path / "state" / "pages" / "assets").glob("olm-*.wasm"))


def test_without_a_network_it_says_what_to_do_and_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("npm_config_registry", "http://127.0.0.1:9")
        patch.setenv("npm_config_fetch_retries", "0")
        patch.setenv("npm_config_cache", str(tmp_path / "cache"))
        with pytest.raises(ConfigError, match="start without --web-client, or try again"):
            client_in(tmp_path / "state").build()

    assert not (tmp_path / "state" / "pages").exists()


def test_no_host_is_named_in_its_lock() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())

    assert "hydrogen-view-sdk" in lock["packages"][""]["dependencies"]
    assert all("resolved" not in one for one in lock["packages"].values())
