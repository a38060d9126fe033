"""`veche seal`: an organisation's seal on any file.

A PDF gets the seal inside, if it is in the sealed profile. Any other file, or several, are put into
a container (``.asice``, ETSI EN 319 162-1) with the seal over all of them. The files stay here: the
service of signing gets digests.
"""

from __future__ import annotations

import mimetypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from veche.api.sealing_client import Sealer
from veche.documents.asic import ArchiveError, DataFile
from veche.documents.signed_file import FILE_BYTES_MAX, PDF
from veche.protocol.errors import ConfigError
from veche.runtime.config import read_secret
from veche.runtime.files.signed_files import read_file

if TYPE_CHECKING:
    import argparse

CONTAINER: Final = ".asice"
_ANY: Final = "application/octet-stream"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `veche seal` to the commands of `veche`."""
    parser = commands.add_parser(
        "seal",
        help="put an organisation's seal on any file",
        description="Put an organisation's seal on any file. One PDF is sealed inside; any other"
        " file, or several, in a container (.asice). The files stay here: digests are sent.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="file to seal")
    parser.add_argument(
        "--organisation",
        required=True,
        metavar="ID",
        help="organisation of the seal, as in the configuration",
    )
    parser.add_argument(
        "--url", required=True, metavar="URL", help="address of the signing service, without a path"
    )
    parser.add_argument(
        "--key-path",
        required=True,
        type=Path,
        metavar="FILE",
        help="file with the organisation's key for the service",
    )
    parser.add_argument(
        "--reference",
        default="veche-seal",
        metavar="TEXT",
        help="your reference, for the record of seals (default: veche-seal)",
    )
    parser.add_argument(
        "--container", action="store_true", help="put a PDF into a container too, as it is"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: FILE-sealed.pdf, or FILE.asice"
    )


async def run(reactor: Any, arguments: argparse.Namespace) -> None:
    """Seal the files and write the sealed one beside.

    Raises:
        ConfigError: A file or the key cannot be read, or there is a sealed file already.
        SealError: It cannot be sealed.
        UnavailableError: The service does not answer.
    """
    files = [_file(path) for path in arguments.files]
    is_pdf = len(files) == 1 and files[0].data.startswith(PDF) and not arguments.container
    out = arguments.out or _beside(arguments.files[0], is_pdf=is_pdf)
    if out.exists():
        raise ConfigError(f"{out} is there already")
    key = read_secret(arguments.key_path)
    sealer = Sealer(reactor, arguments.url, key, arguments.organisation)
    now_ms = int(reactor.seconds() * 1000)
    try:
        if is_pdf:
            sealed = await sealer.seal(files[0].data, arguments.reference, now_ms)
        else:
            sealed = await sealer.seal_files(files, arguments.reference)
    except ArchiveError as e:
        raise ConfigError(f"the files cannot be sealed together: {e}") from e
    finally:
        await sealer.close()
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
        file.write(sealed)
    sys.stdout.write(f"{out} is sealed. Anybody checks it with: veche verify {out}\n")


def _file(path: Path) -> DataFile:
    try:
        data = read_file(path, FILE_BYTES_MAX)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e}") from e
    return DataFile(path.name, mimetypes.guess_type(path.name)[0] or _ANY, data)


def _beside(path: Path, *, is_pdf: bool) -> Path:
    return path.with_name(f"{path.stem}-sealed.pdf" if is_pdf else f"{path.name}{CONTAINER}")
