"""``python -m flows.push``: what another clone needs to restore every stage, to DVC's default remote."""

import sys

from flows.dag import Graph, RepoBusy
from tokenmill.core.errors import UserError


def main() -> int:
    """Push, and say how much; returns the exit status."""
    try:
        sent = Graph().push()
    except (UserError, RepoBusy) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{sent} files sent; elsewhere, `dvc repro --pull` restores what was computed here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
