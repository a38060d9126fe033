"""Files of encrypted rooms: up and down, their key never leaves us but inside an event."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from veche.runtime.crypto.attachments import decrypt_file, encrypt_file, read_file_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient


async def upload_encrypted(client: MatrixClient, bot: UserId, data: bytes) -> dict[str, Any]:
    """Encrypt a file under a new key and store it; its ``EncryptedFile``.

    Args:
        client: To the homeserver.
        bot: Who uploads.
        data: At most ``attachments.FILE_BYTES_MAX`` bytes.

    Raises:
        TooLargeError: It is larger; nothing was sent.
        MatrixError: The homeserver refused, ``M_TOO_LARGE`` for instance.
        NoAnswerError: There was no answer.
    """
    ciphertext, file = encrypt_file(data)
    return {**file, "url": await client.upload(ciphertext, user=bot)}


async def download_encrypted(
    client: MatrixClient, bot: UserId, file: Mapping[str, Any], *, bytes_max: int
) -> bytes:
    """Fetch and decrypt a file of a room.

    Args:
        client: To the homeserver.
        bot: Who downloads.
        file: Its ``EncryptedFile``, as it came.
        bytes_max: Most that is read.

    Raises:
        MalformedError: A part of ``file`` is missing, or the hash is not that of the bytes:
            nothing was decrypted.
        AnswerTooLargeError: It is larger.
        MatrixError: The homeserver does not have it, or refused.
        NoAnswerError: There was no answer.
    """
    key = read_file_key(file)
    ciphertext = await client.download(key.mxc, user=bot, bytes_max=bytes_max)
    plain = io.BytesIO()
    decrypt_file(io.BytesIO(ciphertext), plain, key)
    return plain.getvalue()
