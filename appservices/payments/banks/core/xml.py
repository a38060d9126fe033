"""XML of banks: read without trust, checked against the schemas, refused with line and path.

Whatever a file declares, it is read as UTF-8, without document type, entities or network. The
schemas are ISO 20022's own, put beside this module by ``appservices/payments/banks/vendor.py``.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from appservices.payments.banks.core.port import BANK_FILE_MAX
from veche.protocol.errors import ConfigError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from appservices.payments.formats.core.xml import Element

PREFIX: Final = "urn:iso:std:iso:20022:tech:xsd:"
"""Of the namespace of every message; its name follows."""
MESSAGES: Final = (
    "pain.001.001.09",
    "pain.002.001.12",
    "pain.008.001.09",
    "camt.053.001.08",
    "camt.054.001.08",
)
"""What banks and their customers say to one another."""


class BankMessageError(ProtocolError):
    """A bank's file is no known message, breaks its schema, or does not add up.

    Attributes:
        line: Of the file, from 1; 0: the file as a whole.
        path: Of the element, such as ``/Document/BkToCstmrStmt/Stmt/Ntry[3]/Amt``.
    """

    errcode = "ORG.VECHE.BANK_MESSAGE"

    def __init__(self, message: str, *, line: int = 0, path: str = "") -> None:
        where = f"line {line}, {path}: " if path else ""
        super().__init__(f"{where}{message}")
        self.line = line
        self.path = path

    @property
    def details(self) -> Mapping[str, object]:
        """Line and path."""
        return {"line": self.line, "path": self.path}


def read(data: bytes, messages: Collection[str] = MESSAGES) -> tuple[str, Element]:
    """The name of a message and its root, which its schema accepts.

    Args:
        data: From outside.
        messages: Which may be there.

    Raises:
        BankMessageError: It is too large, no UTF-8, no XML, has a document type, is of another
            namespace than those of ``messages``, or breaks its schema. No value of it is told.
    """
    from lxml import etree  # noqa: PLC0415 -- most processes read no bank's file

    if len(data) > BANK_FILE_MAX:
        raise BankMessageError(f"a bank's file has at most {BANK_FILE_MAX} bytes")
    try:
        data.decode()
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise BankMessageError(f"line {line}: should be UTF-8", line=line) from e
    # Before the parser sees it: entities in attributes are put in whatever one asks for.
    at = data.upper().find(b"<!DOCTYPE")
    if at >= 0:
        line = data.count(b"\n", 0, at) + 1
        raise BankMessageError(f"line {line}: a bank's file has no document type", line=line)
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as e:
        raise BankMessageError(f"line {e.lineno}: this is no XML", line=e.lineno or 0) from e
    name = etree.QName(root).namespace or ""
    message = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or message not in messages:
        raise BankMessageError(
            f"should be a message of {', '.join(messages)}", line=1, path="/Document"
        )
    check(message, root)
    return message, root


def check(message: str, root: Element) -> None:
    """See that a document fits the schema of its message.

    Raises:
        BankMessageError: It does not.
    """
    schema = _schema(message)
    if not schema.validate(root):
        first = schema.error_log[0]
        found = root.getroottree().xpath(first.path) if first.path else []
        rule = first.type_name.removeprefix("SCHEMAV_").replace("_", " ").lower()
        raise refusal(found[0] if found else root, f"does not fit its schema ({rule})")


def refusal(element: Element, message: str) -> BankMessageError:
    """An error at an element: its line, its path, and what would be right."""
    return BankMessageError(message, line=element.sourceline or 0, path=_path(element))


def _path(element: Element) -> str:
    names = []
    while element is not None:
        parent = element.getparent()
        same = [] if parent is None else parent.findall(element.tag)
        place = f"[{same.index(element) + 1}]" if len(same) > 1 else ""
        names.append(element.tag.rpartition("}")[2] + place)
        element = parent
    return "/" + "/".join(reversed(names))


def _parser() -> Any:
    from lxml import etree  # noqa: PLC0415 -- see `read`

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        # Either could cut a value in two.
        remove_comments=True,
        remove_pis=True,
    )


@functools.cache
def _schema(message: str) -> Any:
    from lxml import etree  # noqa: PLC0415 -- see `read`

    file = files("appservices.payments.banks.core") / "schemas" / f"{message}.xsd"
    if not file.is_file():
        raise ConfigError(f"the schema {file.name} is missing: ./run fetches it, the wheel has it")
    return etree.XMLSchema(etree.fromstring(file.read_bytes(), _parser()))
