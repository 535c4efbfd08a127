"""Checks calls and updates against the Bot API as JSON: names, required fields, types, and the ranges in descriptions.

The file lies beside the checkout; ``Contract.load()`` is None where it is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import regex

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
BOT_API = SHARED / "contracts" / "telegram-bot-api-10.1.json"
EXAMPLES = SHARED / "contracts" / "callback-examples.handmade.json"

_RANGE = regex.compile(r"(\d+)-(\d+)(?: (characters|bytes))?")
_ONE_OF = regex.compile(r"[Mm]ust be one of (.*?)(?:\.(?:\s|$)|$)")
_QUOTED = regex.compile(r'[“"]([^”"]+)[”"]')
_MODES = ("html", "markdown", "markdownv2")


@dataclass
class Contract:
    methods: Mapping[str, Mapping[str, Any]]
    types: Mapping[str, Mapping[str, Any]]
    _names: dict[str, str] = field(default_factory=dict)

    @staticmethod
    @cache
    def load(path: Path = BOT_API) -> Contract | None:
        if not path.exists():
            return None
        api = json.loads(path.read_text(encoding="utf-8"))
        return Contract(api["methods"], api["types"], {name.lower(): name for name in api["methods"]})

    def method(self, name: str) -> str | None:
        """The method's own spelling; the Bot API does not mind the case."""
        return self._names.get(name.lower())

    def call(self, method: str, parameters: Mapping[str, Any]) -> list[str]:
        """What is wrong with a call, its parameters already decoded; [] when nothing is."""
        return self._fields(method, self.methods[method].get("fields", []), parameters)

    def value(self, type_name: str, value: Any) -> list[str]:
        """What is wrong with a value of a type, an update for example."""
        return self._typed(type_name, type_name, value)

    def decoded(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Form fields as values: what is no string in the contract was serialised as JSON."""
        types = {field["name"]: field["types"] for field in self.methods[method].get("fields", [])}
        return {
            name: _decoded(value, types.get(name, ["String"])) if isinstance(value, str) else value
            for name, value in parameters.items()
        }

    def _fields(self, where: str, fields: list[Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
        known = {field["name"]: field for field in fields}
        wrong = [f"{where}: unknown field {name}" for name in values if name not in known]
        wrong += [
            f"{where}: {name} is missing" for name, field in known.items() if field["required"] and name not in values
        ]
        for name, value in values.items():
            if name in known:
                wrong += self._field(f"{where}.{name}", known[name], value)
        return wrong

    def _field(self, where: str, field: Mapping[str, Any], value: Any) -> list[str]:
        tries = [self._typed(where, type_name, value) for type_name in field["types"]]
        if all(tries):
            return min(tries, key=len)
        return _described(where, field, value) if isinstance(value, int | str | list) else []

    def _typed(self, where: str, type_name: str, value: Any) -> list[str]:
        if type_name.startswith("Array of "):
            if not isinstance(value, list):
                return [f"{where}: no array"]
            inner = type_name.removeprefix("Array of ")
            return [wrong for i, item in enumerate(value) for wrong in self._typed(f"{where}[{i}]", inner, item)]
        if type_name in _PLAIN:
            return [] if _PLAIN[type_name](value) else [f"{where}: {type(value).__name__} is no {type_name}"]
        return self._object(where, type_name, value)

    def _object(self, where: str, type_name: str, value: Any) -> list[str]:
        if type_name == "InputFile":
            return [] if isinstance(value, bytes) else [f"{where}: no file"]
        if not isinstance(value, Mapping):
            return [f"{where}: no {type_name}"]
        described = self.types[type_name]
        if subtypes := described.get("subtypes"):
            tries = [self._typed(where, subtype, value) for subtype in subtypes]
            return min(tries, key=len) if all(tries) else []
        return self._fields(where, described.get("fields", []), value)


def _described(where: str, field: Mapping[str, Any], value: Any) -> list[str]:
    """The ranges and lists of words that only the description knows."""
    name, about = field["name"], field["description"]
    if name == "parse_mode" and str(value).lower() not in _MODES:
        return [f"{where}: unknown mode"]
    if isinstance(value, str) and (listed := _ONE_OF.search(about)):
        words = _QUOTED.findall(listed[1])
        return [f"{where}: {value} is none of {words}"] if words and value not in words else []
    if "after entit" in about:  # measured when the markup is read
        return []
    span = _RANGE.search(about)
    if span is None or isinstance(value, bool):
        return []
    low, high, unit = int(span[1]), int(span[2]), span[3]
    if isinstance(value, str):
        if unit is None:
            return []
        size = len(value.encode()) if unit == "bytes" else len(value)
    elif isinstance(value, list):
        return []
    else:
        size = value
    return [] if low <= size <= high else [f"{where}: {size} is not within {low}-{high}"]


def _decoded(value: str, types: list[str]) -> Any:
    if "Boolean" in types and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if "Integer" in types and regex.fullmatch(r"-?\d+", value):
        return int(value)
    if "Float" in types and regex.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if "String" in types:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_PLAIN = {
    "String": lambda value: isinstance(value, str),
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "Boolean": lambda value: isinstance(value, bool),
    "True": lambda value: value is True,
}
