"""Write docs/settings.md, the reference of params.yaml, and params.schema.json, by which editors check it.

``python -m docs.settings`` writes both from the types of the settings; with ``--check`` it only says whether
they are current (exit status 1 when not).
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from docs.generated import write_or_check
from docs.schema import Schema, schema
from docs.tables import table
from tokenmill.core.settings import Name

PAGE, SCHEMA = "docs/settings.md", "params.schema.json"
NAME = TypeAdapter(Name).json_schema()["pattern"]
LARGE = {10**15: "10¹⁵", 2**63: "2⁶³"}
"""Bounds that are better read as powers."""
HEAD = """\
# Settings

Everything that can stand in params.yaml, written from the types of the settings (`make readme`).

NAME is a name of your own: lower-case letters, digits and hyphens, at most 100. A setting without a default
must be given. `dvc exp run -S GROUP.NAME.KEY=VALUE` changes a setting for one experiment.

`tokenmill check` checks a file, also for what types do not tell: names that must stand elsewhere, settings
that exclude each other. Editors with yaml-language-server (VS Code by its YAML extension) complete and check
while one types: the first line of params.yaml names [params.schema.json](../params.schema.json).
"""


def page(made: Schema) -> str:
    """The reference: a section for each group, and one for each kind where a group has kinds."""
    return "\n".join([HEAD, *_sections(made, made, "", 2)])


def _sections(made: Schema, node: Schema, above: str, level: int, but: Sequence[str] = ()) -> Iterator[str]:
    """Sections of the groups that stand in a group, with those that stand in it; equal ones have one."""
    found = {key: _groups(value) for key, value in node["properties"].items() if key not in but}
    for group in dict.fromkeys(found.values()):
        if not group.kinds:
            continue
        keys = [key for key, of in found.items() if of == group]
        where = f"{above}{', '.join(keys)}{'.NAME' if group.named else ''}"
        nodes = [made["$defs"][kind] for kind in group.kinds]
        yield f"{'#' * level} {where}\n"
        if group.tag is None:
            yield from _body(made, nodes[0], where, level)
            continue
        first, *others = (kind["properties"] for kind in nodes)
        shared = {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}
        yield f"`{group.tag}` says which kind an entry is. All kinds have:\n"
        yield _table(made, shared, nodes[0]["required"])
        for kind in nodes:
            yield f"{'#' * (level + 1)} {where}, {group.tag}: {kind['properties'][group.tag]['const']}\n"
            yield from _body(made, kind, where, level + 1, (*shared, group.tag))
        yield from _sections(made, {"properties": shared}, f"{where}.", level + 1)


def _body(made: Schema, node: Schema, where: str, level: int, but: Sequence[str] = ()) -> Iterator[str]:
    """What a group is, its settings but those that stand elsewhere, and the groups in it."""
    own = {key: value for key, value in node["properties"].items() if key not in but}
    yield f"{node['description']}\n"
    if own:
        yield _table(made, own, node.get("required", ()))
    yield from _sections(made, node, f"{where}.", level + 1, but)


class Group(NamedTuple):
    """What a setting is that holds others."""

    named: bool
    """Whether its entries have names of their own."""
    kinds: tuple[str, ...]
    """Definitions of the schema that an entry may follow; none: it holds no others."""
    tag: str | None
    """The setting that says which."""


def _groups(node: Schema) -> Group:
    inner = [node, *node.get("patternProperties", {}).values()]
    found = [part for value in inner for part in (value, *value.get("anyOf", ()), *value.get("oneOf", ()))]
    tags = [value["discriminator"]["propertyName"] for value in inner if "discriminator" in value]
    kinds = tuple(part["$ref"].rpartition("/")[2] for part in found if "$ref" in part)
    return Group("patternProperties" in node, kinds, tags[0] if tags else None)


def _table(made: Schema, properties: Mapping[str, Schema], required: Sequence[str]) -> str:
    rows = [
        (
            f"`{key}`",
            _type(value),
            "" if key in required else _default(value.get("default")),
            _about(made, value).replace("\n\n", " ").replace("|", "\\|"),
        )
        for key, value in properties.items()
    ]
    return table(("setting", "is", "default", "about"), rows, 4) + "\n"


def _about(made: Schema, node: Schema) -> str:
    """What is said about a setting; of a group, what it is."""
    kinds = _groups(node).kinds
    return node.get("description") or (made["$defs"][kinds[0]]["description"] if kinds else "")


def _default(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) < 60:
        return f"`{text}`"
    return "its own defaults" if isinstance(value, dict) else f"{len(value)} items"


def _type(node: Schema) -> str:
    """What a setting may be, in words."""
    if "const" in node or "enum" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum") or [node["const"]])
    if "$ref" in node or "oneOf" in node:
        return "settings, see below"
    if "anyOf" in node:
        return " or ".join(_type(option) for option in node["anyOf"])
    if node["type"] == "array":
        return f"list{_size(node, 'Items')} of ({_type(node['items'])})"
    if node["type"] == "object":
        keys = ", ".join(f"`{name}`" for name in node.get("propertyNames", {}).get("enum", ()))
        values = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
        return f"mapping{_size(node, 'Properties')} of {keys or 'names'} to ({_type(values or {})})"
    if node["type"] == "string":
        if node.get("pattern") == NAME:
            return "a NAME"
        most = node.get("maxLength")
        size = f" of {node.get('minLength', 0)} to {most:,} characters" if most else ""
        return f"text{size}{' without spaces' if 'pattern' in node else ''}"
    if node["type"] == "boolean":
        return "`true`, `false`"
    return f"{'whole number' if node['type'] == 'integer' else node['type']}{_range(node)}"


def _size(node: Schema, of: str) -> str:
    least, most = node.get(f"min{of}", 0), node.get(f"max{of}")
    if most is None:
        return f", at least {least}," if least else ""
    return f", {least}," if least == most else f", {least} to {most:,},"


def _range(node: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = (
        f"{sign} {LARGE.get(node[key], f'{node[key]:,}')}" for key, sign in signs.items() if key in node
    )
    return "".join(f" {bound}" for bound in bounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check both files; returns the exit status."""
    return write_or_check("python -m docs.settings", "The reference of params.yaml.", _files, arguments)


def _files(root: Path) -> dict[str, str]:
    made = schema()
    return {PAGE: page(made), SCHEMA: json.dumps(made, ensure_ascii=False, indent=1) + "\n"}


if __name__ == "__main__":
    sys.exit(main())
