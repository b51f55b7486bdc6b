"""The commands about where a model comes from: its chain, and single texts."""

from pathlib import Path

from tokenmill.core.errors import UserError

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
    copied = dict.fromkeys(name for place in found[:SHOWN] for name in originals_of(place))
    known = {place.id for place in found}
    found[SHOWN:] = []
    for name in copied:
        if name not in known:
            found += trace(folder, document=name)
    trained = [place for place in found if place.trained]
    what = "text" if document is None else "document"
    if not found:
        print(f"no document is this {what} or much like it: it was not in training")
        return
    if not trained:
        print(f"the {what} was not in training")
    elif any(place.similarity == 1 and place.id not in copied for place in trained):
        print(f"the {what} was in training")
    else:
        print(f"a text much like the {what} was in training")
    for place in found:
        for line in words_of(place):
            print(line)
