"""Names on the wire; ``js/src/core/wire.ts`` has the same, and a test holds them together."""

from __future__ import annotations

ACTION = "action"
ACTIONS = ("stop", "background", "resume")

WINDOW = "window"
TAIL = "tail"
MATCH = "match"
LINE = "line"
DOWNLOAD = "download"
COPY = "copy"
ERROR = "error"

BARS = "bars"
VALUE = "value"
CARD = "card"
RELOAD = "reload"
