"""A YAML file that a person writes, read as DVC reads it, in bounded time and memory."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_text
from tokenmill.jobs.mistakes import quote

MOST_BYTES = 1 << 18
"""Thousands of entries. The pure Python reader takes some 5 s for so much."""
MOST_VALUES = 100_000
"""With what aliases (``*name``, ``<<``) repeat: a few lines of aliases of aliases stand for billions."""

MOST_BITS = 1000
"""Of a whole number. Python cannot write one of more than 4,300 digits, nor can a message show it."""


def read_yaml(path: Path) -> Any:
    """What a file of YAML 1.2 says.

    Raises:
        UserError: the file is missing, too large or no YAML, or a value in it is none of its type.
    """
    if path.is_file() and (size := path.stat().st_size) > MOST_BYTES:
        raise UserError(f"{path}: has {size:,} bytes; settings of more than {MOST_BYTES:,} are not read")
    text = read_text(path, "it must be a file that can be read, in UTF-8")
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        # DVC reads params.yaml as YAML 1.2, where 1e-4 is a number; PyYAML would make it a string.
        return yaml.load(text)
    except RecursionError:
        raise UserError(f"{path}: nested too deeply; settings have some five levels") from None
    except (YAMLError, ValueError) as error:  # ValueError: an escape beyond Unicode, found without a place
        where, problem = "", str(error).partition("\n")[0]
        if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
            mark, problem = error.problem_mark, error.problem
            where = f" line {mark.line + 1}, column {mark.column + 1}"
        raise UserError(f"{path}:{where} {problem}; mend the YAML") from None


class _Constructor(SafeConstructor):
    """Makes values of a document of bounded size; one that cannot be made is an error with a place."""

    def construct_document(self, node: Node) -> Any:
        _check_size(node)
        return super().construct_document(node)

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
        except (YAMLError, RecursionError):
            raise
        except Exception as error:
            kind = str(node.tag).rpartition(":")[2]
            problem = f"{quote(node.value)} cannot be read as {kind} ({error})"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark) from None
        if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            problem = "a text holds what is no character (a null or a half of a surrogate pair)"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            problem = f"{quote(node.value)} is larger than any setting"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark)
        return value


def _check_size(root: Node) -> None:
    """Refuse a document that holds itself, or more than MOST_VALUES once its aliases are written out."""
    sizes: dict[int, int | None] = {}

    def size(node: Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = None
            sizes[id(node)] = 1 + sum(map(size, _children(node)))
        found = sizes[id(node)]
        if found is None or found > MOST_VALUES:
            many = f"there are more than {MOST_VALUES:,} values, with what aliases repeat"
            what = "a value holds itself" if found is None else many
            raise ConstructorError(problem=what, problem_mark=node.start_mark)
        return found

    size(root)


def _children(node: Node) -> list[Node]:
    if not isinstance(node, CollectionNode):
        return []
    return [n for pair in node.value for n in pair] if isinstance(node, MappingNode) else node.value
