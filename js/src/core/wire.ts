// Names on the wire; nbrunner/jupyter/kernel/wire.py has the same, and a test compares them.

export const ACTION = "action";
export const ACTIONS = ["stop", "background", "resume"] as const;

export const WINDOW = "window";
export const TAIL = "tail";
export const MATCH = "match";
export const LINE = "line";
export const DOWNLOAD = "download";
export const COPY = "copy";
export const ERROR = "error";

export const BARS = "bars";
export const VALUE = "value";
export const CARD = "card";
export const RELOAD = "reload";

export const STATE = "state";
export const PART = "part";
export const OPENED = "opened";
export const TAKE_UP = "nbrunner.panel";
