"""Terminal escape sequences and carriage returns in logs. Pure functions.

A cut splits neither an escape sequence nor a UTF-8 encoded character.
"""

from __future__ import annotations

import re
from typing import AnyStr

# Hyperlinks and titles; colours and cursor movements; other sequences, ASCII only: an ESC
# before any other character stands for itself.
PATTERN = r"\x1b\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\^-~]"

# Any number of colours: Metaflow's, where its output is a terminal.
COLOURS = r"(?:\x1b\[[0-9;]*m)*+"

_in_text = re.compile(PATTERN)
_in_bytes = re.compile(PATTERN.encode())
_begun = re.compile(rb"\x1b(?:\][^\x07\x1b\r\n]*\x1b?|\[[0-?]*[ -/]*|[ -/]*)\Z")

#: Longer sequences, in bytes or characters, may be split, such as a hyperlink's address.
LONGEST = 4096


def without_escapes(text: AnyStr) -> AnyStr:
    """Return the text, or the bytes of one, without escape sequences."""
    if isinstance(text, bytes):
        return _in_bytes.sub(b"", text) if b"\x1b" in text else text
    return _in_text.sub("", text) if "\x1b" in text else text


def last_state(line: AnyStr) -> AnyStr:
    """Return the last state of a line overwritten with ``\\r``, as by progress bars."""
    back = b"\r" if isinstance(line, bytes) else "\r"
    if back not in line:
        return line
    line = line.rstrip(back)
    return line[line.rfind(back) + 1 :]


def cut(text: str, length: int) -> str:
    """Return at most ``length`` characters from the start of a text."""
    for escape in _in_text.finditer(text, max(0, length - LONGEST), length + LONGEST):
        if escape.start() < length < escape.end():
            return text[: escape.start()]
    return text[:length]


def beginning(data: bytes) -> bytes:
    """Return bytes to which more may be appended, without an incomplete character or escape at
    the end.
    """
    found = _begun.search(data, max(0, len(data) - LONGEST))
    if found:
        return data[: found.start()]
    for back, byte in enumerate(reversed(data[-4:])):
        if byte & 0xC0 != 0x80:  # the first byte of a character, which encodes its length
            complete = back + 1 >= (4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2)
            return data if not 0xC2 <= byte <= 0xF4 or complete else data[: -back - 1]
    return data


def end(data: bytes, start: int) -> bytes:
    """Return the bytes from ``start`` without the rest of a character or escape begun earlier.

    Parameters
    ----------
    data : bytes
        Includes up to `LONGEST` bytes before ``start``, to detect what began there.
    start : int
        Index of the first byte to return.
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
