"""Names of messages to the front end, as in ``js/src/core/wire.ts``; a test compares them."""

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

STATE = "state"
PART = "part"
OPENED = "opened"
TAKE_UP = "nbrunner.panel"
