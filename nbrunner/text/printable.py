"""Output of runs made safe to display: no cursor movement, no changed text direction."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbrunner.text.escapes import last_state, without_escapes

# Direction marks and invisible characters, which make text differ from its appearance.
_MISLEADING = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"  # half of a character, as JSON may hold it: nothing can be written that way
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def visible(text: str) -> str:
    """Return text as a terminal would display it, with visible characters only.

    Escape sequences are dropped. A line with carriage returns is reduced to its last state.
    Control characters become their pictures (from ``U+2400``). Invisible characters and
    direction marks become their code points.
    """
    text = "\n".join(last_state(line) for line in without_escapes(text).split("\n"))
    text = _CONTROL.sub(_control_picture, text)
    return _MISLEADING.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def on_one_line(text: str) -> str:
    """Return visible text with line ends replaced by spaces, for table cells."""
    return " ".join(visible(text).split("\n"))


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters; a longer one ends with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table as lines, with columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _control_picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"
