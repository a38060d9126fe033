"""Contents of events that no honest client writes, as a worker of the inbox hands them on."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from tests.support.hostile_json import VALUES
from veche.protocol.errors import MalformedError
from veche.protocol.json_reader import read_content

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping


def hostile_contents(
    event_id: str, prompt: str, chance: random.Random, count: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Types and contents of events, each right but for one field or two.

    Args:
        event_id: Of a question that is open.
        prompt: Its id.
        chance: Which ones.
        count: How many are tried; those that a worker refuses are left out.
    """
    kinds = _right(event_id, prompt)
    for _ in range(count):
        kind, content = chance.choice(kinds)
        content = copy.deepcopy(content)
        for _ in range(chance.choice((1, 1, 2))):
            _spoil(content, chance)
        try:
            yield kind, read_content(json.loads(json.dumps(content)), "content")
        except MalformedError:
            continue


def _right(event_id: str, prompt: str) -> list[tuple[str, dict[str, Any]]]:
    text = {"msgtype": "m.text", "body": "1", "format": "org.matrix.custom.html"}
    key = {"kty": "oct", "alg": "A256CTR", "k": "A" * 43, "ext": True, "key_ops": ["decrypt"]}
    file = {"url": "mxc://a/b", "key": key, "iv": "A" * 22, "hashes": {"sha256": "A" * 43}}
    info = {"mimetype": "application/pdf", "size": 5, "w": 1, "thumbnail_url": "mxc://a/c"}
    reply = {"m.in_reply_to": {"event_id": event_id}, "rel_type": "m.thread", "event_id": "$a"}
    refers = {"rel_type": "m.reference", "event_id": event_id}
    answer = {"v": 1, "prompt": prompt, "choice": "1", "data": {"a": "b"}}
    attached = {"msgtype": "m.file", "body": "a.pdf", "filename": "a.pdf", "info": info}
    replaced = {"rel_type": "m.replace", "event_id": event_id}
    poll = {"answers": ["1"]}
    return [
        ("m.room.message", {**text, "formatted_body": "<b>1</b>", "m.mentions": {"user_ids": []}}),
        ("m.room.message", {**text, "m.relates_to": reply}),
        ("m.room.message", {**text, "org.veche.answer": answer, "m.relates_to": refers}),
        ("m.room.message", {**text, "m.new_content": text, "m.relates_to": replaced}),
        ("m.room.message", {**attached, "file": file, "url": "mxc://a/b"}),
        ("m.room.message", {"msgtype": "m.location", "body": "here", "geo_uri": "geo:1,2"}),
        ("m.room.message", {**text, "org.veche.approval": {"v": 1, "approval": {}, "key": "a"}}),
        (
            "m.reaction",
            {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": "1️⃣"}},
        ),
        ("m.poll.response", {"m.relates_to": refers, "m.selections": ["1"]}),
        (
            "org.matrix.msc3381.poll.response",
            {"m.relates_to": refers, "org.matrix.msc3381.poll.response": poll},
        ),
        ("m.conversation.reply", {**text, "m.used_prompt": {"id": "1"}, "m.relates_to": refers}),
        (
            "org.matrix.msc4139.conversation.reply",
            {**text, "org.matrix.msc4139.used_prompt": {"id": "1"}, "m.relates_to": refers},
        ),
        ("m.room.message", {**text, "org.matrix.msc4139.used_prompt": {"id": "1"}}),
    ]


def _spoil(content: dict[str, Any], chance: random.Random) -> None:
    """Put something else in the place of one value, however deep."""
    at: Any = content
    while at:
        name = chance.choice(list(at))
        if not isinstance(at[name], dict) or chance.random() < 0.3:
            at[name] = chance.choice(VALUES)
            return
        at = at[name]
