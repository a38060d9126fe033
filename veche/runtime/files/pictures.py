"""Pictures of operators: a coat of arms as PNG, whether it is a drawing (SVG) or one already.

A drawing is drawn in a process of its own: what draws it would keep 40 MiB in this one.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConfigError
from veche.runtime.files.typesetting import TypesettingError, drawn

if TYPE_CHECKING:
    from pathlib import Path

PICTURE_BYTES_MAX: Final = 512 * 1024
"""Largest picture."""
_DRAWING_S_MAX: Final = 20
_PNG: Final = b"\x89PNG\r\n\x1a\n"


def read_picture(path: Path | None) -> bytes | None:
    """Return a picture as PNG, since few clients show SVG; None if there is none.

    Raises:
        ConfigError: The file cannot be read, is too large, or is no picture.
    """
    if path is None:
        return None
    try:
        data = path.read_bytes()
        picture = data if data.startswith(_PNG) else _drawn_elsewhere(data)
    except OSError as e:
        raise ConfigError(f"{path}: the picture cannot be read: {e.strerror}") from e
    except subprocess.SubprocessError as e:
        raise ConfigError(f"{path}: this is no picture; take a PNG or SVG file") from e
    if len(picture) > PICTURE_BYTES_MAX:
        raise ConfigError(f"{path}: the picture is over {PICTURE_BYTES_MAX} bytes; make it smaller")
    return picture


def _drawn_elsewhere(svg: bytes) -> bytes:
    command = [sys.executable, "-m", __name__]
    return subprocess.run(  # noqa: S603 -- ourselves
        command, input=svg, stdout=subprocess.PIPE, timeout=_DRAWING_S_MAX, check=True
    ).stdout


def _draw() -> None:
    """Draw what comes on standard input."""
    try:
        sys.stdout.buffer.write(drawn(sys.stdin.buffer.read().decode()))
    except (UnicodeDecodeError, TypesettingError):
        sys.exit(1)


if __name__ == "__main__":
    _draw()
