"""The part of a run's record that describes its flow and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrunner.flow.description import FlowDescription, Subcommand
from nbrunner.flow.source import FlowSource
from nbrunner.record.schema import Record
from nbrunner.text.line_origins import to_json

_MAX_DOC = 400


def recorded(
    flow: FlowDescription,
    source: FlowSource,
    subcommand: Subcommand,
    arguments: Mapping[str, object],
    top_level: Mapping[str, object],
) -> Record:
    """Return the flow and arguments of a run as JSON, for panels and later kernels."""
    return {
        "flow": {
            "name": flow.name,
            "file": flow.file,
            "cell": source.cell,
            "origins": to_json(source.origins),
            "import_path": list(source.folders),
            "steps": [step.name for step in flow.steps],
            "parameters": [each.name for each in flow.parameters],
            "following": flow.following,
            "types": {step.name: step.type for step in flow.steps},
            "docs": {step.name: step.doc.strip()[:_MAX_DOC] for step in flow.steps if step.doc},
        },
        "subcommand": subcommand,
        **({"spin_root": flow.spin_root} if subcommand == "spin" else {}),
        "arguments": {key: plain(value) for key, value in arguments.items()},
        "top_level_options": {key: plain(value) for key, value in top_level.items()},
    }


def plain(value: Any) -> object:
    """Return a value in JSON form, for display only."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
