"""Sections of the configuration: their base, the types of their values, and how they are read.

Durations and sizes are texts with a unit (``30 s``, ``16 MiB``) under a key without one; the
attribute of the model has it: ``timeout: 30 s`` is read as ``timeout_ms``. Secrets are never in
the file, only the paths of files that hold them (``…_path``). All errors are told at once.
"""

from __future__ import annotations

import difflib
import inspect
import ipaddress
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import attrs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from veche.protocol.addresses import split_address
from veche.protocol.errors import ConfigError, MalformedError
from veche.protocol.forms.values import is_time_zone
from veche.protocol.texts.catalogue import LANGUAGES
from veche.runtime.config.secret_files import read_secret_bytes
from veche.runtime.config.units import parse_duration, parse_size
from veche.runtime.config.yaml_file import KeyPath, YamlDocument, read_yaml_file
from veche.transparency.notes import KeyKind, read_verifier_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

NETWORKS_MAX: Final = 50
_UNIT_SUFFIXES: Final = ("_ms", "_bytes")
SECRET: Final = "secret"  # noqa: S105 -- a mark
"""The mark of a ``SecretPath``."""
INPUT: Final = "input"
"""The mark of an ``InputPath``."""
_PUT_THERE: Final = "put it there for the user that runs Veche, or correct the path"


def _amount(parse: Callable[[str], int], example: str) -> BeforeValidator:
    def read(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            return parse(value)
        # Code gives plain numbers, of the unit in the attribute's name; a file says the unit.
        if info.context is not None:
            raise ValueError(f"should have a unit, such as {example!r}")
        return value

    return BeforeValidator(read)


def _read_path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ValueError("should be a path, without the character NUL")
    path = Path(value).expanduser()
    return info.context["folder"] / path if info.context else path


Duration = Annotated[int, _amount(parse_duration, "30 s"), Field(ge=0)]
"""For attributes named ``…_ms``."""
Size = Annotated[int, _amount(parse_size, "16 MiB"), Field(ge=0)]
"""For attributes named ``…_bytes``."""
FilePath = Annotated[Path, BeforeValidator(_read_path)]
"""A path; a relative one starts at the folder of the configuration file."""
InputPath = Annotated[Path, BeforeValidator(_read_path), INPUT]
"""The path of a file or folder that an operator has put there: it is missed if it is not there."""
SecretPath = Annotated[Path, BeforeValidator(_read_path), SECRET]
"""The path of a file that holds a secret, for ``read_secret``."""


def _check_address(value: str) -> str:
    parts = split_address(value)
    try:
        host = (parts.hostname or "").encode("idna")
        is_good = bool(host) and parts.port != 0 and parts.username is None
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("should have a host, and at most a port of 1 to 65535 and no password")
    return value


WebAddress = Annotated[str, AfterValidator(_check_address)]
"""An address of the web; a field says by its pattern which parts it may have."""


def _check_names(names: dict[str, str]) -> dict[str, str]:
    if not names or not names.keys() <= set(LANGUAGES):
        raise ValueError(f"should be a text in at least one of {', '.join(LANGUAGES)}")
    return names


def _check_time_zone(name: str) -> str:
    # Those that count leap seconds, and a rule that is no place, are in the database too.
    if name.startswith(("right/", "posix")) or not is_time_zone(name):
        raise ValueError("should be a time zone such as 'Europe/Berlin'")
    return name


def _check_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for one in networks:
        try:
            ipaddress.ip_network(one)
        except ValueError as e:
            raise ValueError(f"{one[:50]!r} is no network such as 10.20.0.0/16") from e
    return networks


def _note_key(kind: KeyKind, whose: str) -> AfterValidator:
    def check(text: str) -> str:
        try:
            found = read_verifier_key(text)
        except MalformedError as e:
            raise ValueError(f"should be <name>+<id>+<base64>: {e}") from e
        if found.kind is not kind:
            raise ValueError(f"should be the key of a {whose}; this one is of another kind")
        return text

    return AfterValidator(check)


LogKey = Annotated[str, Field(max_length=400), _note_key(KeyKind.LOG, "log")]
"""Public key of a log, ``<name>+<id>+<base64>`` (C2SP, signed-note)."""
WitnessKey = Annotated[str, Field(max_length=400), _note_key(KeyKind.WITNESS, "witness")]
"""Public key of a witness of logs, likewise."""
Networks = Annotated[
    tuple[str, ...],
    Field(max_length=NETWORKS_MAX, strict=False),
    AfterValidator(_check_networks),
]
"""Networks of IP addresses."""
Names = Annotated[dict[str, str], AfterValidator(_check_names)]
"""What something is called, by language."""
TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
"""IANA name of a time zone."""


def key_of(attribute: str) -> str:
    """The key in the file of an attribute: without its unit."""
    for suffix in _UNIT_SUFFIXES:
        attribute = attribute.removesuffix(suffix)
    return attribute


class Section(BaseModel):
    """Base of sections: frozen, nothing coerced, unknown keys refused.

    Write a docstring under each attribute: it is the reference that operators read.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        use_attribute_docstrings=True,
        alias_generator=key_of,
        populate_by_name=True,
    )


@attrs.frozen
class Fault:
    """One thing that is wrong.

    Attributes:
        where: File and line, as ``veche.yaml:12``.
        key: Path of the key, as ``homeserver.url``.
        what: What is wrong; never a value.
        mend: What would be right; empty if ``what`` says it.
    """

    where: str
    key: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"; {self.mend}" if self.mend else ""
        return f"{self.where}: {self.key}: {self.what}{mend}"


class ConfigFaultsError(ConfigError):
    """A configuration file is wrong, in one place or in several.

    Attributes:
        faults: All that was found, in the order of the file.
    """

    def __init__(self, faults: Collection[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def load(
    path: Path, sections: Mapping[str, type[Section]], *, optional: Collection[str] = ()
) -> Mapping[str, Section]:
    """Read a configuration file.

    Args:
        path: Relative paths in it start at its folder.
        sections: The model of each section that may be there.
        optional: Sections that the result lacks where the file does; the others are made of
            their defaults then.

    Raises:
        ConfigFaultsError: Values or keys are wrong: all of them, each with what would be right.
        ConfigError: The file cannot be read, or is not YAML.
    """
    document = read_yaml_file(path)
    content = {} if document.content is None else document.content
    if not isinstance(content, dict):
        raise ConfigError(f"{path}:1: should be sections: {', '.join(sections)}")
    reader = _Reader(path, document)
    read = {
        name: reader.section(name, model, content.get(name))
        for name, model in sections.items()
        if name in content or name not in optional
    }
    reader.refuse_unknown(content, sections)
    if reader.faults:
        order = sorted(reader.faults, key=lambda fault: fault[0])
        raise ConfigFaultsError([fault for _, fault in order])
    return {name: section for name, section in read.items() if section is not None}


def marked_paths(section: Section, mark: str) -> Iterator[tuple[str, Path]]:
    """Yield key and path of each file that a section names, those of its parts included.

    Args:
        section: Of a configuration.
        mark: Of which fields: that of ``SecretPath`` or of ``InputPath``.
    """
    for attribute, field in type(section).model_fields.items():
        value = getattr(section, attribute)
        key = key_of(attribute)
        if _is_marked(field, mark):
            for one in value if isinstance(value, list | tuple) else (value,):
                if one is not None:
                    yield key, one
        for inner_key, part in _parts(value):
            for marked_key, path in marked_paths(part, mark):
                yield f"{key}{inner_key}.{marked_key}", path


def file_faults(path: Path, sections: Mapping[str, Section]) -> list[Fault]:
    """Find problems in the files that a configuration names: secrets, and other files."""
    faults = []
    for name, section in sections.items():
        for key, secret in marked_paths(section, SECRET):
            try:
                read_secret_bytes(secret)
            except ConfigError as e:
                mend = "" if os.access(secret, os.R_OK) else _PUT_THERE
                faults.append(Fault(str(path), f"{name}.{key}", str(e), mend))
        for key, given in marked_paths(section, INPUT):
            if not os.access(given, os.R_OK):
                what = f"{given}: {'may not be read' if given.exists() else 'no such file'}"
                faults.append(Fault(str(path), f"{name}.{key}", what, _PUT_THERE))
    return faults


def is_secret(field: FieldInfo) -> bool:
    """Return whether the field is a ``SecretPath``, or may be one."""
    return _is_marked(field, SECRET)


def _is_marked(field: FieldInfo, mark: str) -> bool:
    def marked(annotation: object) -> bool:
        return annotation == mark or any(map(marked, get_args(annotation)))

    return mark in field.metadata or marked(field.annotation)


def _parts(value: object) -> Iterator[tuple[str, Section]]:
    if isinstance(value, Section):
        yield "", value
    elif isinstance(value, Mapping):
        yield from ((f".{key}", part) for key, part in value.items() if isinstance(part, Section))
    elif isinstance(value, list | tuple):
        yield from ((f".{i}", part) for i, part in enumerate(value) if isinstance(part, Section))


class _Reader:
    """Reads sections one by one and gathers what is wrong, with the line of each."""

    def __init__(self, path: Path, document: YamlDocument) -> None:
        self._path = path
        self._document = document
        self.faults: list[tuple[int, Fault]] = []

    def section(self, name: str, model: type[Section], content: object) -> Section | None:
        try:
            return model.model_validate(
                {} if content is None else content,
                context={"folder": self._path.resolve().parent},
                by_alias=True,
                by_name=False,
            )
        except ValidationError as e:
            for error in e.errors(include_input=False, include_url=False):
                self._explain(name, model, error)
            return None

    def refuse_unknown(self, content: Mapping[str, object], known: Collection[str]) -> None:
        for key in content:
            if key not in known:
                self._add((key,), "there is no such section", nearest(key, known))

    def _explain(self, name: str, model: type[Section], error: ErrorDetails) -> None:
        path: KeyPath = (name, *error["loc"])
        fields = _fields_at(model, error["loc"][:-1]) if error["loc"] else {}
        key = str(path[-1])
        if error["type"] == "extra_forbidden":
            self._add(path, "there is no such key", nearest(key, fields))
        elif error["type"] == "missing":
            self._add(path, "is missing", f"add it: {_first_sentence(fields.get(key))}")
        else:
            self._add(path, _what(error), _example(error, fields.get(key)))

    def _add(self, path: KeyPath, what: str, mend: str) -> None:
        line = self._document.line(path)
        key = ".".join(map(str, path))
        self.faults.append((line, Fault(f"{self._path}:{line}", key, what, mend)))


def nearest(key: str, known: Collection[str]) -> str:
    """Suggest a known key for an unknown one: the one probably meant, or all there are."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}"


def _fields_at(model: type[BaseModel], path: KeyPath) -> Mapping[str, FieldInfo]:
    """The fields, by key, of the model at a path below ``model``; none if there is no model."""
    inner: type[BaseModel] | None = model
    for step in path:
        if inner is None:
            return {}
        fields = {key_of(name): field for name, field in inner.model_fields.items()}
        # A step that is no field is an index, a key of a mapping or the branch of a union.
        if step in fields:
            inner = model_in(fields[str(step)].annotation)
    return {key_of(name): field for name, field in inner.model_fields.items()} if inner else {}


def model_in(annotation: object) -> type[Section] | None:
    """The section that an annotation holds, in a list, a mapping or an option, if any."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return annotation
    inner = (model_in(argument) for argument in get_args(annotation))
    return next((model for model in inner if model is not None), None)


def _first_sentence(field: FieldInfo | None) -> str:
    text = " ".join(((field and field.description) or "").split())
    return text.split(". ")[0].rstrip(".")


def _what(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":
        return "does not have the right form"
    what = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    # Not the first letter of a code, such as USD.
    return what if what[:2].isupper() else what[:1].lower() + what[1:]


def _example(error: ErrorDetails, field: FieldInfo | None) -> str:
    if field is not None and field.examples:
        return f"such as {field.examples[0]!r}"
    if error["type"] == "string_type":
        return "if it is a number, true or false, write it in quotes"
    return ""


def example_of(field: FieldInfo) -> Any:
    """A value that fits: the field's first example, or None."""
    return field.examples[0] if field.examples else None
