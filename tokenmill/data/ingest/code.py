"""Whether a source is program code, in which nothing that looks like a tag of HTML is one."""

import re

_SUFFIXES = """
bash c cc cpp cs cu cxx dart ex f90 go h hpp hs java jl js jsx kt lua m ml php pl pm ps1 py pyi r rb rs scala
sh sql swift tcl ts tsx v vb zig
"""
SUFFIXES = frozenset(_SUFFIXES.split())
"""Of files of programs. Not those of HTML and its like."""
LOOKED_AT = 1000
"""Documents at the beginning of a source that are looked at ..."""
HEAD = 4000
"""... and characters of each."""
LINES_OF_CODE = 0.3
"""Share of the lines of a document that look like code from which it is some. Text has next to none."""

STATEMENT = re.compile(
    r".*(?:[;{}]|\)\s*:|=>|->)"
    r"|(?:def|class|using|package|namespace|public|private|static|func|fn|function|const|let|var|return|if|for|"
    r"elif|template|typedef|struct)\b.*[(<\[{;:=].*"
    r"|import [\w.]+(?: as \w+)?|from [\w.]+ import .*|[\w.]+ (?:[-+*/]?=|:=) .*|[\w.]+\(.*\)"
    r"|(?://|/\*|#include|#define|#!/|@\w+$).*"
)
"""A line of code without the white space around it, as most languages have some."""


def is_code_file(name: str) -> bool:
    """Whether a file's name is that of a program, packed or not."""
    last = name.rpartition("/")[2].lower().removesuffix(".gz").removesuffix(".zst")
    return "." in last and last.rpartition(".")[2] in SUFFIXES


def looks_like_code(text: str) -> bool:
    """Whether a document reads like a program; one of HTML does not."""
    lines = [line for line in map(str.strip, text[:HEAD].split("\n")) if line]
    if len(lines) < 2 or lines[0].startswith("<"):
        return False
    return sum(STATEMENT.fullmatch(line) is not None for line in lines) >= LINES_OF_CODE * len(lines)
