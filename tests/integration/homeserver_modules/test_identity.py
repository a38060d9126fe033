"""Who signs in through a provider of OpenID gets a random Matrix id, and the same one again."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import pytest
from synapse.module_api.errors import ConfigError

from homeserver_modules.identity import RandomIds
from tests.support.processes import free_ports
from tests.support.single_sign_on import openid, openid_provider
from tests.support.synapse import homeserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.synapse import Homeserver

IDP: Final = "oidc-town_hall"
BACK: Final = "http://127.0.0.1:9/back"
MAPPING: Final[dict[str, Any]] = {
    "module": "homeserver_modules.identity.RandomIds",
    "config": {},
}
RANDOM: Final = re.compile(r"@u[a-z2-7]{16}:veche\.test")


class _Stop(urllib.request.HTTPRedirectHandler):
    """Follows everything but the way back into the app, which is not there."""

    def redirect_request(self, *args: Any) -> Any:
        found = super().redirect_request(*args)
        return None if args[-1].startswith(BACK) else found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    folder = tmp_path_factory.mktemp("home")
    client, provider = free_ports(2)
    settings = {
        "public_baseurl": f"http://127.0.0.1:{client}/",
        "oidc_providers": [openid_provider(provider, MAPPING)],
        # Nobody is asked whether they trust the app.
        "sso": {"client_whitelist": [BACK]},
    }
    with openid(folder, provider), homeserver(folder, settings=settings, port=client) as server:
        yield server


def sign_in(home: Homeserver, subject: str) -> str:
    """The Matrix id of somebody whom the provider knows by ``subject``."""
    # Browsers, too, send cookies that are marked as secure to this machine without TLS.
    cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))
    browser = urllib.request.build_opener(_Stop(), urllib.request.HTTPCookieProcessor(cookies))
    where = f"/_matrix/client/v3/login/sso/redirect/{IDP}?redirectUrl={urllib.parse.quote(BACK)}"
    asked = browser.open(f"{home.url}{where}")
    said = urllib.parse.urlencode({"sub": subject}).encode()
    try:
        browser.open(asked.url, said)
    except urllib.error.HTTPError as e:
        address = e.headers["location"]
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["loginToken"][0]
    body = {"type": "m.login.token", "token": token}
    answer = home.call("POST", "/_matrix/client/v3/login", body=body)
    assert answer.status == 200, answer
    return str(answer.body["user_id"])


@pytest.mark.synapse
def test_an_id_says_nothing_of_a_person_and_stays_theirs(home: Homeserver) -> None:
    anna, boris = sign_in(home, "anna.weber"), sign_in(home, "boris")

    assert RANDOM.fullmatch(anna)
    assert RANDOM.fullmatch(boris)
    assert anna != boris
    assert sign_in(home, "anna.weber") == anna
    path = f"/_matrix/client/v3/profile/{urllib.parse.quote(anna)}"
    assert "anna" not in str(home.call("GET", path).body).lower().replace(anna.lower(), "")


def test_a_wrong_setting_stops_the_start_and_is_named() -> None:
    for config, key in (({"prefx": "u"}, "prefx"), ({"prefix": "Ä"}, "prefix")):
        with pytest.raises(ConfigError) as refused:
            RandomIds.parse_config(config)
        assert refused.value.path == [key]
