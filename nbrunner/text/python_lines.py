"""Lines of Python source, counted as Python counts them."""

from __future__ import annotations

import io


def python_lines(source: str, keepends: bool = False) -> list[str]:
    r"""Return the lines of a source text.

    Lines end at ``\n``, ``\r`` and ``\r\n`` only. `str.splitlines` also splits at form feeds,
    separators and U+2028, which may occur within a statement.
    """
    lines = list(io.StringIO(source, newline=""))
    return lines if keepends else [line.rstrip("\r\n") for line in lines]
