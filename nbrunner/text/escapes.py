"""Terminal escape sequences in a log, and where a line can be cut without breaking one. Pure.

A cut falls neither inside an escape sequence nor inside a character that is encoded in UTF-8.
"""

from __future__ import annotations

import re

# Hyperlinks and titles; colours and cursor movements; other sequences, of ASCII alone: an ESC
# before any other character is a character by itself.
PATTERN = r"\x1b\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\^-~]"

_in_text = re.compile(PATTERN)
_in_bytes = re.compile(PATTERN.encode())
_begun = re.compile(rb"\x1b(?:\][^\x07\x1b\r\n]*\x1b?|\[[0-?]*[ -/]*|[ -/]*)\Z")

#: A sequence that is longer, in bytes or characters, may be cut: a hyperlink with its address.
LONGEST = 4096


def without_escapes(text: str) -> str:
    """Return text without its escape sequences."""
    return _in_text.sub("", text) if "\x1b" in text else text


def cut(text: str, length: int) -> str:
    """Return at most ``length`` characters from the beginning of a text."""
    for escape in _in_text.finditer(text, max(0, length - LONGEST), length + LONGEST):
        if escape.start() < length < escape.end():
            return text[: escape.start()]
    return text[:length]


def beginning(data: bytes) -> bytes:
    """Return bytes that more may follow without the part of a character or escape they end in."""
    found = _begun.search(data, max(0, len(data) - LONGEST))
    if found:
        return data[: found.start()]
    for back, byte in enumerate(reversed(data[-4:])):
        if byte & 0xC0 != 0x80:  # the first byte of a character: it tells how many there are
            complete = back + 1 >= (4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2)
            return data if not 0xC2 <= byte <= 0xF4 or complete else data[: -back - 1]
    return data


def end(data: bytes, start: int) -> bytes:
    """Return the bytes from ``start`` on without the rest of what began before.

    Parameters
    ----------
    data : bytes
        With up to `LONGEST` bytes before ``start``, to see what began there.
    start : int
    """
    for escape in _in_bytes.finditer(data, max(0, start - LONGEST)):
        if escape.start() >= start:
            break
        if escape.end() > start:
            return data[escape.end() :]
    for at in range(start, min(start + 3, len(data))):
        if data[at] & 0xC0 != 0x80:
            return data[at:]
    return data[start + 3 :]
