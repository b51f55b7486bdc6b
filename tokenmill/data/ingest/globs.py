"""Globs over relative POSIX paths."""

import re


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression, which takes time in proportion to the lengths of both.

    ``*`` and ``?`` stay within a folder, ``**/`` spans any number of them; a hidden file needs its dot.
    """
    spans = [_folders(part) for part in _split(re.sub(r"(?:\*\*/)+", "**/", glob))]
    # As in _folders: what stands between two `**/` is found as early as possible, and stays there.
    first, *others = spans
    if not others:
        return re.compile(first)
    *between, last = others
    early = "".join(f"(?>{FOLDERS}*?{span})" for span in between)
    return re.compile(f"{first}{early}{FOLDERS}*{last}")


FOLDERS = r"(?:(?!\.)[^/]+/)"


def _split(glob: str) -> list[str]:
    """Cut at each ``**/`` that begins a name."""
    return re.split(r"(?:(?<=/)|(?<![^/]))\*\*/", glob)


def _folders(glob: str) -> str:
    """A glob without ``**/``. The text after each star but the last of a name is taken where it comes first:
    later places could only leave less to match. So nothing is ever tried again, however many stars."""
    return "/".join(_name(name) for name in glob.split("/"))


def _name(name: str) -> str:
    hidden = r"(?!\.)" if name.startswith(("*", "?")) else ""
    first, *others = (_literal(part) for part in re.split(r"\*+", name))
    if not others:
        return hidden + first
    *between, last = others
    return hidden + first + "".join(f"(?>[^/]*?{part})" for part in between) + "[^/]*" + last


def _literal(part: str) -> str:
    return "".join("[^/]" if character == "?" else re.escape(character) for character in part)
