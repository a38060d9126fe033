"""Pictures of operators: a coat of arms as PNG, whether it is a drawing (SVG) or one already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConfigError
from veche.runtime.files.typesetting import TypesettingError, drawn

if TYPE_CHECKING:
    from pathlib import Path

PICTURE_BYTES_MAX: Final = 512 * 1024
"""Largest picture."""
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
        picture = data if data.startswith(_PNG) else drawn(data.decode())
    except OSError as e:
        raise ConfigError(f"{path}: the picture cannot be read: {e.strerror}") from e
    except (UnicodeDecodeError, TypesettingError) as e:
        raise ConfigError(f"{path}: this is no picture; take a PNG or SVG file") from e
    if len(picture) > PICTURE_BYTES_MAX:
        raise ConfigError(f"{path}: the picture is over {PICTURE_BYTES_MAX} bytes; make it smaller")
    return picture
