"""The API of the approve page, as declared."""

from __future__ import annotations

from appservices.widgets.routes.approvals import API


def test_a_nonce_in_a_path_is_a_secret_and_is_not_logged() -> None:
    with_nonce = [one for one in API.routes if "nonce" in one.arguments]

    assert len(with_nonce) == 2
    assert all(one.hides_path for one in with_nonce)
