"""Events of servers: what is signed of them is what Synapse signs, and a hash covers all of it."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import compute_content_hash, compute_event_signature
from synapse.events import make_event_from_dict
from synapse.events.utils import prune_event
from unpaddedbase64 import encode_base64

from appservices.acts.pdu import ROOM_VERSIONS, check_hash, read_asking, room_of, signed_form
from veche.protocol.errors import MalformedError, SignInError
from veche.transparency.envelope import public_key, sign, signing_key, verify

SERVER = "policy.example"
KINDS = (
    "m.room.member",
    "m.room.create",
    "m.room.join_rules",
    "m.room.power_levels",
    "m.room.history_visibility",
    "m.room.redaction",
    "m.room.aliases",
    "m.room.message",
)
NAMES = (
    *("membership", "join_authorised_via_users_server", "third_party_invite", "creator", "aliases"),
    *("join_rule", "allow", "users", "users_default", "events", "events_default", "state_default"),
    *("ban", "kick", "redact", "redacts", "invite", "history_visibility", "room_version", "body"),
)
VALUES = st.one_of(
    st.integers(-100, 100),
    st.text(max_size=8),
    st.dictionaries(st.sampled_from(("signed", "display_name")), st.text(max_size=4)),
)
CONTENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)


def event(version: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": kind,
        "room_id": "!room" if version == "12" else "!room:a.example",
        "sender": "@anna:a.example",
        "content": content,
        "origin_server_ts": 1_790_000_000_000,
        "depth": 3,
        "prev_events": ["$prev"],
        "auth_events": ["$auth"],
        "origin": "a.example",
        "redacts": "$gone",
        "unsigned": {"age_ts": 1},
        "org.example.more": 1,
    }
    if kind != "m.room.message":
        made["state_key"] = ""
    if (version, kind) == ("12", "m.room.create"):
        del made["room_id"]
    name, digest = compute_content_hash(made, hashlib.sha256)
    return {**made, "hashes": {name: encode_base64(digest)}, "signatures": {}}


@given(
    version=st.sampled_from(sorted(ROOM_VERSIONS)), kind=st.sampled_from(KINDS), content=CONTENTS
)
def test_what_is_signed_of_an_event_is_what_synapse_signs(
    version: str, kind: str, content: dict[str, Any]
) -> None:
    made = event(version, kind, content)
    room_version = KNOWN_ROOM_VERSIONS[version]
    pruned = prune_event(make_event_from_dict(copy.deepcopy(made), room_version)).get_pdu_json()
    wanted = {k: v for k, v in pruned.items() if k not in ("signatures", "unsigned")}

    assert signed_form(made, version) == wanted
    check_hash(made)


def test_our_signature_is_the_one_that_synapse_would_make() -> None:
    key = signing_key("policy_server", b"s" * 32)
    made = event("12", "m.room.message", {"body": "hello"})

    signed = sign(signed_form(made, "12"), SERVER, key)["signatures"]
    assert signed == compute_event_signature(KNOWN_ROOM_VERSIONS["12"], made, SERVER, key)


@pytest.mark.parametrize("key", ["content", "sender", "org.example.more", "origin_server_ts"])
def test_an_event_whose_hash_is_of_another_one_is_refused(key: str) -> None:
    changed = event("12", "m.room.message", {"body": "hello"}) | {key: {"body": "pay me"}}
    with pytest.raises(MalformedError, match="sha256"):
        check_hash(changed)


def test_the_first_event_of_a_room_says_by_its_hash_where_it_is() -> None:
    made = event("12", "m.room.create", {"room_version": "12"})
    wanted = make_event_from_dict(copy.deepcopy(made), KNOWN_ROOM_VERSIONS["12"]).room_id

    assert room_of(made, None) == wanted
    with pytest.raises(MalformedError, match="room_id"):
        room_of({**made, "type": "m.room.message"}, None)


@pytest.mark.parametrize("hashes", [None, {}, {"sha256": 7}, {"sha256": ""}, []])
def test_an_event_without_a_hash_is_refused(hashes: object) -> None:
    made = event("12", "m.room.message", {"body": "hello"}) | {"hashes": hashes}
    with pytest.raises(MalformedError, match="sha256"):
        check_hash(made)


def test_the_header_of_a_server_is_read_as_synapse_and_others_write_it() -> None:
    key = signing_key("a_x", b"k" * 32)
    body = {"type": "m.room.message"}
    asked = {
        "method": "POST",
        "uri": "/_matrix/policy/v1/sign",
        "origin": "a.example:8448",
        "destination": SERVER,
        "content": body,
    }
    signature = sign(asked, "a.example:8448", key)["signatures"]["a.example:8448"]["ed25519:a_x"]
    said = f'origin="a.example:8448",key="ed25519:a_x",sig="{signature}",destination="{SERVER}"'
    for header in (
        f"X-Matrix {said}",
        f"x-matrix key=ed25519:a_x, origin=a.example:8448 , destination={SERVER}, sig={signature}",
    ):
        asking = read_asking(header)
        request = asking.request("POST", "/_matrix/policy/v1/sign", body)
        verify(request, asking.origin, {"ed25519:a_x": public_key(key)})


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        "X-Matrix",
        'X-Matrix origin="a"',
        'X-Matrix origin="a",destination="b",key="c",sig=""',
        'X-Matrix origin="a",destination="b",key="c",sig="d";x',
        'X-Matrix origin="a\\"",destination="b",key="c",sig="d"',
        "X-Matrix " + 'origin="a",' * 1_000,
    ],
)
def test_a_header_that_says_too_little_is_refused(header: str) -> None:
    with pytest.raises(SignInError):
        read_asking(header)
