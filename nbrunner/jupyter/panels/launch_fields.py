"""The fields of a flow's form, and the command line words for their values. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypedDict

from nbrunner.flow.description import FlowDescription, Option
from nbrunner.flow.parse_argv import Word

# Options that are often changed between runs; all others are left to the command line.
_OPTIONS = ("max_workers", "tags", "decospecs")

Values = Mapping[str, object]


class Field(TypedDict):
    """A field of the form; see `fields_of`."""

    name: str
    group: str
    kind: str
    label: str
    value: str | bool
    required: bool
    multiple: bool
    choices: list[str]
    help: str
    hint: str


def fields_of(flow: FlowDescription) -> list[Field]:
    """Return the fields of the form: parameters, then configs, then a few options.

    Returns
    -------
    list of dict
        ``name``; ``kind`` as in `Option`, or ``"choice"`` for an optional bool; ``group``
        (``"parameter"``, ``"config"`` or ``"option"``); ``label``; ``value``, the default as text
        or bool; ``required``; ``multiple``; ``choices``; ``help``; ``hint``, the meaning of an
        empty field.
    """
    options = {option.name: option for option in (*flow.run, *flow.top_level)}
    return [
        *(_field(option, "parameter") for option in flow.parameters),
        *(_field(option, "config") for option in flow.configs),
        *(_field(options[name], "option") for name in _OPTIONS if name in options),
    ]


def _field(option: Option, group: str) -> Field:
    computed = option.default_is_computed
    kind = "json" if option.kind == "config" else option.kind
    has_three = _has_three_states(option)
    return {
        "name": option.name,
        "group": group,
        "kind": "choice" if has_three else kind,
        "label": option.name if group == "config" else option.flag.lstrip("-"),
        "value": default_of(option),
        "required": option.required and not computed,
        "multiple": option.multiple,
        "choices": ["True", "False"] if has_three else list(option.choices),
        "help": option.help,
        "hint": "computed when the run starts" if computed else "",
    }


def _has_three_states(option: Option) -> bool:
    """Return whether a bool may be left unset, which a checkbox cannot represent."""
    return option.kind == "bool" and option.default is None


def default_of(option: Option) -> str | bool:
    """Return the initial value of a field."""
    return text_of(option, option.default)


def text_of(option: Option, value: object) -> str | bool:
    """Return a value as shown in the field of an option: a str or bool."""
    if option.kind == "bool" and not _has_three_states(option):
        return bool(value)
    if value is None:
        return ""
    if option.multiple and isinstance(value, (list, tuple)):
        return "\n".join(str(each) for each in value)
    if isinstance(value, str):
        return value
    return json.dumps(value) if option.kind in ("json", "config") else str(value)


def values_of_run(flow: FlowDescription, arguments: Values) -> dict[str, str | bool]:
    """Return the field values for the arguments of an earlier run."""
    known = {option.name: option for option in (*flow.parameters, *flow.run)}
    return {name: text_of(known[name], value) for name, value in arguments.items() if name in known}


def words_of_form(flow: FlowDescription, values: Values) -> list[Word]:
    """Return the words after ``python flow.py`` for the values of the form.

    Unchanged fields are left out, so that the flow's own default applies.
    """
    before: list[Word] = []
    behind: list[Word] = []
    for field in fields_of(flow):
        value = values.get(field["name"], field["value"])
        if value == field["value"] or (value == "" and not _can_be_empty(field)):
            continue
        words = before if field["group"] == "config" or _is_top(flow, field) else behind
        words += words_of_field(flow, field, value)
    return [*before, Word("run"), *behind]


def _can_be_empty(field: Field) -> bool:
    """Return whether an emptied field means an empty str instead of the default."""
    return field["kind"] == "str" and field["group"] == "parameter" and not field["required"]


def words_of_field(flow: FlowDescription, field: Field, value: object) -> list[Word]:
    """Return the words that set one field."""
    if field["group"] == "config":
        config = next(each for each in flow.configs if each.name == field["name"])
        return [Word(config.flag), Word(config.name), Word(str(value))]
    options = (*flow.parameters, *flow.run, *flow.top_level)
    option = next(each for each in options if each.name == field["name"])
    if option.is_flag:
        is_on = value in (True, "True")
        return [Word(option.flag if is_on else option.off_flag or option.flag)]
    if option.multiple:
        given = [text.strip() for text in str(value).splitlines() if text.strip()]
        return [word for text in given for word in (Word(option.flag), Word(text))]
    return [Word(option.flag), Word(str(value))]


def _is_top(flow: FlowDescription, field: Field) -> bool:
    return field["group"] == "option" and any(
        option.name == field["name"] for option in flow.top_level
    )


def missing(flow: FlowDescription, values: Values) -> list[str]:
    """Return the required fields that are empty."""
    return [
        field["name"]
        for field in fields_of(flow)
        if field["required"] and values.get(field["name"], field["value"]) in ("", None)
    ]
