"""``tokenmill tag``: the labelled parts of texts."""

from collections.abc import Sequence

from tokenmill.cli.models import answer, print_json
from tokenmill.core.errors import one_line
from tokenmill.inference import api
from tokenmill.model.folder import LoadedModel
from tokenmill.serving.answers import span_answer


def tag(name: str, texts: Sequence[str] | None, *, as_json: bool) -> None:
    """Print the labelled parts of each text: label, probability, first place, place behind the last, words.

    They are its entities, or of a classifier of tokens every token.
    """

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        for text, spans in zip(chosen, api.tag(loaded, chosen), strict=True):
            if as_json:
                print_json(text=text, spans=[span_answer(text, span) for span in spans])
                continue
            for span in spans:
                words, probability = one_line(text[span.start : span.end]), f"{span.probability:.3f}"
                print(span.label, probability, span.start, span.end, words, sep="\t", flush=True)

    answer("tag", name, texts, show)
