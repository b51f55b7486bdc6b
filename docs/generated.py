"""Files that are made from others: written, or held against what they should be."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tokenmill.core.errors import UserError


def write_or_check(
    program: str,
    description: str,
    make: Callable[[Path], Mapping[str, str]],
    arguments: Sequence[str] | None = None,
) -> int:
    """The command line of a module that makes files; returns the exit status.

    Args:
        program: how it is called.
        description: what it makes, for ``--help``.
        make: from the repository's root to the content of each file, by its path from there.
        arguments: of the command line; None: those of this process.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parents[1], help="the repository"
    )
    options = parser.parse_args(arguments)
    try:
        made = {options.root / name: text for name, text in make(options.root).items()}
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    stale = {p: text for p, text in made.items() if not p.is_file() or p.read_text("utf-8") != text}
    names = ", ".join(path.relative_to(options.root).as_posix() for path in stale)
    if options.check and stale:
        print(f"error: {names}: out of date; run `make readme`", file=sys.stderr)
        return 1
    for path, text in stale.items():
        path.write_text(text, "utf-8")
    print(f"written: {names}" if stale else "up to date")
    return 0
