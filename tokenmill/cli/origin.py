"""The commands about where a model comes from: its chain, and single texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenmill.core.errors import UserError

if TYPE_CHECKING:
    from tokenmill.registry.trace import Place

SHOWN = 10
"""Documents that are told of."""


def lineage(model: str) -> None:
    """Print the chain behind a model as a tree."""
    from tokenmill.registry.chain import chain_of, tree

    for line in tree(chain_of(model)):
        print(line)


def trace(model: str, *, text: str | None, document: str | None) -> None:
    """Print where a text, or the document with an id, stands in the data of a model's training.

    Raises:
        UserError: not exactly one of the two is given, or the documents at hand are not those of the model.
    """
    from tokenmill.registry.download import local_model_folder
    from tokenmill.registry.trace import originals_of, trace, words_of

    if (text is None) == (document is None):
        raise UserError("give either --text TEXT or --document ID")
    folder = local_model_folder(model) if model.startswith("models:/") else Path(model)
    found = trace(folder, text=text, document=document)
    known = {place.id for place in found}
    for name in dict.fromkeys(name for place in found[:SHOWN] for name in originals_of(place)):
        found += trace(folder, document=name) if name not in known else []
    print(_answer(found, document))
    for place in found[: 2 * SHOWN]:
        for line in words_of(place):
            print(line)


def _answer(found: "Sequence[Place]", document: str | None) -> str:
    """The answer in one line."""
    what = "this text" if document is None else "this document"
    if not found:
        return f"{what} is not in the data, nor is one much like it: it was not in training"
    same = [p for p in found if p.similarity == 1 and document in (None, p.id)]
    for places, who in ((same, what), (found, f"not {what}, but one like it")):
        if any(place.trained and place.split == "train" for place in places):
            return f"{who} was in training"
    if any(place.trained for place in found):
        return f"{what} was not trained on, but it or one like it served for validation"
    return f"{what} was not in training"
