"""The command that ranks candidates for one place of a text."""

import json
from collections.abc import Sequence
from typing import Literal

from tokenmill.cli.models import model_folder
from tokenmill.inference import api


def choose(
    name: str,
    candidates: Sequence[str],
    *,
    before: str,
    after: str,
    ranking: Literal["sum", "per_byte", "pmi"],
    as_json: bool,
) -> None:
    """Print candidates, best first: score in nats and text."""
    found = api.choose(model_folder(name), candidates, before=before, after=after, ranking=ranking)
    for candidate, score in found:
        if as_json:
            print(json.dumps({"text": candidate, "score": round(score, 6)}, ensure_ascii=False))
        else:
            print(f"{score:.3f}", candidate, sep="\t")
