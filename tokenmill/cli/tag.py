"""``tokenmill tag``: the labelled parts of texts."""

from collections.abc import Sequence
from dataclasses import asdict

from tokenmill.cli.models import answer, print_json
from tokenmill.core.errors import one_line
from tokenmill.inference import api
from tokenmill.inference.classify import Span
from tokenmill.model.folder import LoadedModel


def tag(name: str, texts: Sequence[str] | None, *, as_json: bool) -> None:
    """Print the labelled parts of each text: label, probability, first place, place behind the last, words.

    They are its entities, or of a classifier of tokens every token.
    """

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        for text, spans in zip(chosen, api.tag(loaded, chosen), strict=True):
            if as_json:
                print_json(text=text, spans=[_part(text, span) for span in spans])
                continue
            for span in spans:
                words, probability = one_line(text[span.start : span.end]), f"{span.probability:.3f}"
                print(span.label, probability, span.start, span.end, words, sep="\t", flush=True)

    answer("tag", name, texts, show)


def _part(text: str, span: Span) -> dict[str, object]:
    words = text[span.start : span.end]
    return {**asdict(span), "text": words, "probability": round(span.probability, 6)}
