"""The command that answers questions from passages."""

from collections.abc import Sequence

from tokenmill.cli.models import answer, print_json
from tokenmill.inference import api
from tokenmill.model.folder import LoadedModel
from tokenmill.serving.answers import passage_answer


def find_answers(
    name: str, question: str, passages: Sequence[str] | None, *, as_json: bool, top_k: int, max_tokens: int
) -> None:
    """Print the likeliest answers in each passage: probability, place, answer; or that there is none.

    Where none is likelier than any, that line comes first.
    """

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        asked = [question] * len(chosen)
        found = api.answer(loaded, asked, chosen, top_k=top_k, max_tokens=max_tokens)
        for passage, each in zip(chosen, found, strict=True):
            if as_json:
                print_json(question=question, passage=passage, **passage_answer(each))
                continue
            if each.best is None:
                print(f"{each.no_answer:.3f}", "", "(no answer)", sep="\t", flush=True)
            for span in each.spans:
                place = f"{span.start}-{span.end}"
                print(f"{span.probability:.3f}", place, span.label, sep="\t", flush=True)

    answer("answer", name, passages, show)
