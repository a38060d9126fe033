"""The pages of docs/reference on commands, metrics and the routes of signing, from the code.

Write them with ``python -m tests.support.pages``.
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.routes import API as SIGNING
from veche.cli.main import KERNEL, _parser, features

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("veche", "homeserver_modules", "appservices", "bridges")

_COMMANDS: Final = """# Commands

`veche COMMAND`; in a checkout also `./run COMMAND`, which installs first what is missing. `--help`
everywhere. Exit code 0: well; 1: an error, said on standard error; 2: wrong usage; 130: stopped
with Ctrl-C. Where `-c FILE` is left out, the configuration is `$VECHE_CONFIG`, `./veche.yaml` or
`/etc/veche/veche.yaml`.

<!-- Made by tests/support/pages.py; a test compares it with the code. -->
"""
_METRICS: Final = """# Metrics

At `GET /metrics` of `listen`, in Prometheus' text format, beside those of the process and of
Python. Metrics that need an alarm: [monitor](../guides/operators/monitor.md). The counters of the
event guard are in Synapse's own metrics.

<!-- Made by tests/support/pages.py; a test compares it with the code. -->

| metric | kind | labels | what it counts |
|---|---|---|---|
"""
_SIGNING: Final = """# HTTP: signing

Below `/_veche/signing/v1` of the public site. The exact shapes of bodies and answers:
`GET /_veche/signing/v1/openapi.json`. Step by step:
[have documents signed by a program](../guides/organisations/have-documents-signed.md). In code:
`appservices/signing/pages/routes`, and `routes` of other capabilities.

- **Caller** (column *who*):
  - *organisation*: `Authorization: Bearer KEY`, a key of `signing.seals`.
  - *party*: `Veche-Party: PARTY TOKEN`, both from the link in the party's chat. It shows and
    downloads; to sign or decline, the person's device key is needed too.
  - *list*: `Veche-List: PERSON UNTIL TOKEN`, from the link to everything that waits for a person.
    The list holds a link for each document.
  - *person*: somebody who signed in on the pages by their encrypted chat. These routes are for
    documents that the service never sees ([who learns what](../explanation/private-documents.md)).
  - *open*: anybody.
- **Once**: where `key` is *yes*, send an `Idempotency-Key` (1 to 64 printable characters). The
  same request again has no further effect; other content under the same key is 409
  `ORG.VECHE.CONFLICT`. For certificates the key is the nonce of the approval. You may repeat the
  other requests: you get the present state, or a refusal with its reason.
- Moments are milliseconds, UTC. Binary is base64 of the standard alphabet without padding. A body
  has at most 1 MiB, but for PDFs and documents' ciphertext (50 MiB), batches (16 MiB), and what is
  *open* (64 KiB). For a body over 64 KiB the server checks the caller by the headers first: 401,
  403 or 404 come at once. More than 128 MiB at once from one address is 429. More than the server
  takes from all callers together is 503: send the same again after `retry_after_ms`.
- **Errors** are Matrix-shaped: [error codes](errcodes.md). `field` names the first wrong field.
- A token that does not answer is 503 `ORG.VECHE.TOKEN_UNAVAILABLE`: repeat the same request
  later.

<!-- Made by tests/support/pages.py; a test compares it with the code. -->

| route | who | key | |
|---|---|---|---|
"""
_WHO: Final = {
    "OrganisationRoutes": "organisation",
    "EventRoutes": "organisation",
    "TemplateRoutes": "organisation",
    "WebhookRoutes": "organisation",
    "SealRoutes": "organisation",
    "PartyRoutes": "party",
    "ListRoutes": "list",
    "BlindRoutes": "person",
    "OwnedRoutes": "person",
    "MeetingRoutes": "meeting",
    "TabletRoutes": "meeting",
    "DelegationRoutes": "party",
    "OwnCertificateRoutes": "party",
    "ProviderRoutes": "party",
    "PublicRoutes": "open",
}
"""Who may ask, by the class that serves it."""
_KINDS: Final = ("counter", "gauge", "histogram")
_TOTAL: Final = "_total"
_NAMED: Final = '"veche_'
"""How the name of each metric of ours begins."""
_ARGUMENTS_MIN: Final = 2


@attrs.frozen
class Metric:
    """One metric, as the code declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    what: str


def commands_page() -> str:
    """The page of all commands."""
    sections = [
        section for name in (*KERNEL, *features()) for section in _sections(name, _command(name))
    ]
    return "\n".join([_COMMANDS, *sections])


def metrics_page() -> str:
    """The page of all metrics."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} |"
        f" {one.what.rstrip('.')} |\n"
        for one in sorted(metrics(), key=lambda one: one.name)
    ]
    return _METRICS + "".join(rows)


def signing_page() -> str:
    """The page of all routes of signing."""
    rows = [
        f"| `{one.method} {one.path}` | {_WHO[one.name.partition('.')[0]]} |"
        f" {'yes' if one.needs_key else ''} | {one.summary[0].lower()}{one.summary[1:]} |\n"
        for one in SIGNING.routes
    ]
    return _SIGNING + "".join(rows)


def metrics() -> Iterator[Metric]:
    """Every metric that a module of ours makes."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            # Few modules have one, and to parse all of them takes seconds.
            if _NAMED in (text := path.read_text()):
                nodes = ast.walk(ast.parse(text))
                yield from (one for node in nodes if (one := _metric(node)) is not None)


def _metric(node: ast.AST) -> Metric | None:
    """The metric that a call such as ``counter("veche_…", "…", ["label"])`` makes."""
    if not isinstance(node, ast.Call) or len(node.args) < _ARGUMENTS_MIN:
        return None
    function = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    function = node.func.id if isinstance(node.func, ast.Name) else function
    kind = function.lower()
    try:
        values = [ast.literal_eval(argument) for argument in node.args]
    except ValueError:
        return None
    if kind not in _KINDS or not str(values[0]).startswith("veche_"):
        return None
    name = str(values[0])
    if kind == "counter" and not name.endswith(_TOTAL):
        name += _TOTAL
    labels = tuple(values[2]) if len(values) > _ARGUMENTS_MIN else ()
    return Metric(name, kind, labels, str(values[1]))


def _command(name: str) -> argparse.ArgumentParser:
    return _subcommands(_parser(name))[name]


def _sections(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """A section for a command, or one for each of its own commands."""
    inner = _subcommands(parser)
    if inner:
        for word, one in inner.items():
            yield from _sections(f"{name} {word}", one)
        return
    rows = [
        f"| `{_shown(action)}` | {_what(action)} |"
        for action in _arguments(parser)
        if action.help != argparse.SUPPRESS
    ]
    table = ["", "| argument | |", "|---|---|", *rows] if rows else []
    what = _sentence(parser)
    yield "\n".join([f"## veche {name}", "", what, *table, ""])


def _sentence(parser: argparse.ArgumentParser) -> str:
    text = parser.description or ""
    return text if not text or text.endswith(".") else f"{text}."


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {one.dest: one.help for one in action._choices_actions}
            for name, one in action.choices.items():
                what = helps.get(name)
                if not one.description and what:
                    one.description = f"{what[0].upper()}{what[1:]}"
                found[name] = one
    return found


def _arguments(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    return [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]


def _shown(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    if action.choices:
        metavar = metavar or "\\|".join(map(str, action.choices))
    value = metavar or action.dest.upper()
    if not action.option_strings:
        return value if action.nargs not in {"?", "*"} else f"[{value}]"
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {value}"


def _what(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default))
    many = "; one or more" if action.nargs == "+" else ""
    return f"{text}{many}".lstrip("; ").replace("|", "\\|")


def write() -> None:
    """Write all pages."""
    folder = ROOT / "docs" / "reference"
    (folder / "commands.md").write_text(commands_page())
    (folder / "metrics.md").write_text(metrics_page())
    (folder / "http-signing.md").write_text(signing_page())


if __name__ == "__main__":
    write()
