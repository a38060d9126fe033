"""The page docs/reference/events.md, written from the models, so that it cannot be out of date."""

from __future__ import annotations

import json
import re
from inspect import getdoc
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel

from homeserver_modules.event_guard.families import load_families
from veche.contracts.payments import receipt
from veche.protocol import answers, commands, message, prompts
from veche.protocol.texts import typed_choice as typed
from veche.transparency import envelope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from veche.protocol.wire import Wire

FAMILIES: Final = load_families()

EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "org.veche.bridged": {
            "v": 1,
            "network": "mail",
            "ghost": "@_veche_mail_mzxw6ytboi2gk3tp:example.org",
        },
        "org.veche.prompt": {
            "v": 1,
            "id": "01JD0000000000000000000001",
            "scope": ["@alice:example.org"],
            "single_use": True,
            "expires_at_ms": 1764000000000,
            "min_trust": "verified",
            "choices": [
                {"id": "pay", "label": "Pay 12.50 EUR", "style": "primary"},
                {"id": "later", "label": "Remind me tomorrow"},
                {"id": "dispute", "label": "This is wrong"},
            ],
            "url": "https://example.org/p/01JD0000000000000000000001",
        },
        "org.veche.answer": {"v": 1, "prompt": "01JD0000000000000000000001", "choice": "pay"},
        "org.veche.approval": {
            "v": 1,
            "approval": {
                "v": 1,
                "kind": "payment",
                "nonce": "abcdefghijklmnopqrstuvwxyz234567",
                "person": "@alice:example.org",
                "shown": {
                    "payee": "DE89 3704 0044 0532 0130 00",
                    "payee_name": "Bakery",
                    "amount": {"minor": 1250, "currency": "EUR"},
                    "reference": "Invoice 7",
                },
                "at_ms": 1764000000000,
            },
            "key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "signature": "A" * 86,
        },
        "org.veche.case": {
            "v": 1,
            "id": "01JD0000000000000000000002",
            "service": "residence",
            "state": "under_review",
            "office": "Residents' office",
            "clock": {"due_at_ms": 1764000000000, "rule": "within 10 working days"},
            "step": "A clerk checks your papers",
            "history_len": 3,
        },
        "org.veche.document": {
            "v": 1,
            "id": "01JD0000000000000000000003",
            "kind": "residence_certificate",
            "title": "Certificate of residence",
            "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "issuer": "town.example",
            "valid_until_ms": 1795536000000,
        },
        "org.veche.invoice": {
            "v": 1,
            "id": "01JD0000000000000000000003",
            "issuer": "lindenau",
            "issuer_name": "Town of Lindenau",
            "title": "Copy of a birth certificate",
            "notice_id": "2025-000123",
            "lines": [
                {"text": "Copy", "amount": {"minor": 1000, "currency": "EUR"}},
                {"text": "Postage", "amount": {"minor": 250, "currency": "EUR"}},
            ],
            "total": {"minor": 1250, "currency": "EUR"},
            "due_at_ms": 1766592000000,
            "law": "Fee Act, section 3",
            "appeal": "In writing to the office, within a month.",
        },
        "org.veche.ledger_heads": {
            "v": 1,
            "checkpoint": (
                "example.org/veche/ledger/v1/0\n9\n9rYa4aWYxNBLZUYQT1e+fc7OAx553vEMs4EuJXPp704=\n\n"
                "\u2014 example.org/veche/ledger/v1/0 3/XIs1AAAAA=\n"
            ),
            "after": 4,
            "consistency": ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
            "witnessed": [],
        },
        "org.veche.receipt": {
            "v": 1,
            "id": "01KAV9FT00000000000000009E",
            "payment": "01KAV9FT000000000000001H3Y",
            "payer_ref": "cHBwcHBwcHBwcHBwcHBwcA",
            "payee": "Bakery",
            "amount": {"minor": 1252, "currency": "EUR"},
            "at_ms": 1764000000003,
            "reference": "Bread",
            "ledger_proof": {
                "leaf": '{"amount":1252,"at_ms":1764000000003,"code":10,"credit_id":1000002,'
                '"debit_id":1000001,"flags":0,"id":"019ab697e8000000000000000000012e","ledger":1,'
                '"pos":24578,"ref":"019ab697e8000000000000000000c47e","released":0,"shard":0}',
                "index": 2,
                "block": {
                    "seq": 3,
                    "at_ms": 1764000000003,
                    "n": 7,
                    "prev": "bGFQDm19NarZJjilECW5lKSEkUfU8YE6buys7dkB9O8",
                    "root": "fB7VWsjWZh61txLHinUVRJ1DhLafvUUZ46fmegjUz4M",
                },
                "path": [
                    "q1JtW+gDzfJE08ixk2jm6Cnin3AeqAog348lsgHb2BU",
                    "aUbLDNNpx8kcEOSKGv7kNapsxmyZD7ocGpEN298XYi0",
                    "Qys77AqOzfvOsClVmV6E6Mslo3KOl39u7Lt8YpioUaM",
                ],
            },
        },
        "org.veche.sign_request": {
            "v": 1,
            "id": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3",
            "mode": "assisted",
            "state": "open",
            "title": "Lease of flat 12b",
            "from_name": "Carol Clark",
            "from_user": "@carol:example.org",
            "document": {
                "sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
                "bytes": 125302,
                "pages": 12,
                "mimetype": "application/pdf",
            },
            "level_min": "S2",
            "effect": "when_complete",
            "stages": [{"parties": ["p1", "p2"]}],
            "parties": [
                {
                    "party": "p1",
                    "role": "signer",
                    "name": "Alice Adams",
                    "user": "@alice:example.org",
                    "state": "signed",
                    "field": "Sig1",
                },
                {
                    "party": "p2",
                    "role": "signer",
                    "name": "Bob Brown",
                    "user": "@bob:example.org",
                    "state": "invited",
                    "field": "Sig2",
                },
            ],
            "count": 2,
            "signed": 1,
            "you": "p2",
            "may_delegate": False,
            "deadline_at_ms": 1796256000000,
            "revision": 1,
            "code": "4718",
            "prompt": "01JD0000000000000000000001",
        },
        "org.veche.sign_file": {
            "v": 1,
            "session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3",
            "document_sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
            "bytes": 125302,
        },
        "org.veche.sign_result": {
            "v": 1,
            "session": "01KAV3Z8K4Q6V5W7X9Y0A1B2C3",
            "state": "completed",
            "verdict": "sealed",
            "in_force": True,
            "document_sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg",
            "final_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "bytes": 167214,
            "ended_at_ms": 1795651200000,
            "signatures": [
                {
                    "party": "p1",
                    "name": "Alice Adams",
                    "level": "S2",
                    "signed_at_ms": 1795478400000,
                },
            ],
            "count": 1,
        },
    }
)
"""One payload a family, as it stands in an event."""

_BOUNDS: Final = (
    (message, "CONTENT_BYTES_MAX"),
    (message, "MENTIONS_MAX"),
    (message, "REACTION_CHARACTERS_MAX"),
    (message, "URL_CHARACTERS_MAX"),
    (prompts, "CHOICES_MAX"),
    (prompts, "SCOPE_MAX"),
    (prompts, "LABEL_CHARACTERS_MAX"),
    (prompts, "ANSWER_FIELDS_MAX"),
    (prompts, "REACTIONS_MAX"),
    (answers, "PROMPTS_MAX"),
    (typed, "TYPED_CHARACTERS_MAX"),
    (typed, "PREFIX_CHARACTERS_MIN"),
    (commands, "COMMAND_CHARACTERS_MAX"),
    (envelope, "ENVELOPE_BYTES_MAX"),
    (receipt, "RECEIPT_BYTES_MAX"),
    (receipt, "REFERENCE_CHARACTERS_MAX"),
)

_INTRODUCTION: Final = """\
# What travels in rooms

*Written from the models by `tests.support.events_page`; a test fails when they differ.*

Every message of a bot is an `m.room.message` that any Matrix client can show and any person can
answer. Programs read data beside the text, under one key `org.veche.<family>` each; features of
others use keys of their own domain.

## Rules of every message

1. Type `m.room.message`, `m.text` (`m.notice` only for what must ring nobody, `m.file` for
   documents, `m.image` for pictures). No type of our own for anything a person must see: several
   clients hide them.
2. `body` alone is complete: what this is, what is asked, numbered choices, how to answer, links on
   lines of their own. One fact a line.
3. `formatted_body` says the same words with `h4 b p br ul ol li a code pre` and nothing else.
4. Links are `https:`; `matrix:` links are dead in half the clients.
5. An edit has `* ` and the whole new text outside, and text, HTML and our keys in `m.new_content`.
   It rings nowhere; what a person must know of at once is also a new message.
6. `m.mentions` is always there, with whom the message should ring.
7. Canonical JSON has no floats: amounts are integers in minor units with a currency, times are
   integers `_ms` UTC, hashes and keys are unpadded base64.
8. A payload with fields that are not listed here is read without them.
9. `org.veche.personal` (`{"v": 1}`) stands in what is for one person alone. Such a message waits,
   as documents do, while somebody else is in the chat or an identity is in doubt.
"""

_OTHERS: Final = """\
## How persons answer

A prompt is answered in any of these ways, and the service is told once. The answer counts if the
person is in `scope`, the prompt is open, and the event has at least the trust of `min_trust`.

| way | what is sent |
|---|---|
| number, label, id, or a start of one that fits one choice only | `m.text`, as a reply, in a \
thread, or as the next message |
| reaction `1️⃣` … `🔟`, with or without U+FE0F | `m.reaction`; never encrypted, so \
it counts as `any` |
| button of a client that knows Veche | `org.veche.answer` with `m.relates_to` → the prompt by \
`m.reference` |
| button of a client that knows MSC4139 | `org.matrix.msc4139.used_prompt` (or `m.used_prompt`): \
`{"id": …}`, as a reply or thread reply |
| vote | `org.matrix.msc3381.poll.response` or `m.poll.response` (`m.selections`), by \
`m.reference` |

Bots place the reactions on the first two prompts of a chat, and on later ones once somebody taps
one there. While a bot writes to many rooms at once, reactions come up to 20 seconds later. Prompts
that were answered meanwhile get none. Bots never remove them: the edit of the prompt says that it
is closed.

An edit never answers. The bot gives the reason for an answer that
does not count:  """

_SHAPES: Final = """\
## Shapes of others that we send

- `org.matrix.msc4139.prompts` beside each prompt with choices: `intro` (the question without the
  choices), `scope` (left out where anybody may answer) and `prompts`, one `preset` a choice.
- `org.matrix.msc4391.command_description`, a state event for each command. State key: padded base64
  of SHA-256 of the command and the bot's id. It names parameters both in the MSC's words (`type`,
  `required`) and in those of mautrix-go's `cmdschema` (`schema`, `optional`), which clients follow.
"""


def events_page() -> str:
    """The whole page, Markdown, ending with a line break."""
    reasons = ", ".join(f"`{reason.value}`" for reason in answers.RefusalReason)
    parts = [_INTRODUCTION, "## Families\n"]
    parts += [_family(key, model) for key, model in FAMILIES.items()]
    parts += [f"{_OTHERS}{reasons}.\n", _SHAPES, _limits()]
    return "\n".join(parts)


def _family(key: str, model: type[Wire]) -> str:
    parts = [f"### `{key}`\n", *_tables(model)]
    if key in EXAMPLES:
        shown = json.dumps({key: EXAMPLES[key]}, indent=2, ensure_ascii=False)
        parts.append(f"```json\n{shown}\n```\n")
    return "\n".join(parts)


def _tables(model: type[BaseModel]) -> Iterator[str]:
    summary, meanings = _documented(model)
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    yield f"{summary}\n"
    yield "| field | form | required | meaning |\n|---|---|---|---|"
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        form = _form(field, definitions).replace("|", "\\|")
        is_required = "yes" if name in required else ""
        yield f"| `{name}` | {form} | {is_required} | {meanings.get(name, '')} |"
    yield ""
    for nested in _nested(model):
        yield f"#### `{nested.__name__}`\n"
        yield from _tables(nested)


def _nested(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Models in the fields of a model, in their order."""
    found: dict[type[BaseModel], None] = {}
    for field in model.model_fields.values():
        pending = [field.annotation]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found[kind] = None
            pending += get_args(kind)
    return list(found)


def _documented(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """First paragraph of a model's docstring, and the meaning of each attribute."""
    text, _, attributes = (getdoc(model) or "").partition("\nAttributes:\n")
    base = model.__mro__[1]
    meanings = _documented(base)[1] if base is not BaseModel and issubclass(base, BaseModel) else {}
    for entry in re.split(r"\n(?= {4}\w)", "\n" + attributes):
        name, _, meaning = entry.strip().partition(":")
        if meaning:
            meanings[name] = _markdown(" ".join(meaning.split()))
    return _markdown(" ".join(text.split())), meanings


def _markdown(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _form(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """The form of a field in words, from its JSON schema."""
    if "anyOf" in field:
        kinds = [_form(kind, definitions) for kind in field["anyOf"] if kind.get("type") != "null"]
        return " or ".join(kinds)
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        values = definitions.get(name, {}).get("enum")
        return _values(values) if values else f"object `{name}`"
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return _values(field["enum"])
    if field.get("type") == "array":
        items = _form(field.get("items", {}), definitions)
        return f"list{_range(field, 'minItems', 'maxItems')} of {items}"
    return _plain_form(field)


def _plain_form(field: Mapping[str, Any]) -> str:
    match field.get("type"):
        case "string":
            pattern = f" `{field['pattern']}`" if "pattern" in field else ""
            return f"text{_range(field, 'minLength', 'maxLength')}{pattern}"
        case "integer":
            return f"integer{_range(field, 'minimum', 'maximum')}"
        case "object":
            return f"object{_range(field, 'minProperties', 'maxProperties')}"
        case "boolean":
            return "`true` or `false`"
        case _:
            return "any JSON"


def _range(field: Mapping[str, Any], low: str, high: str) -> str:
    if low in field and high in field:
        return f" ({field[low]}–{field[high]})"
    if low in field:
        return f" (≥ {field[low]})"
    return f" (≤ {field[high]})" if high in field else ""


def _values(values: list[str]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _limits() -> str:
    lines = [f"| `{name}` | {getattr(module, name):,} |" for module, name in _BOUNDS]
    return "\n".join(["## Limits\n", "| limit | value |", "|---|---|", *lines, ""])
