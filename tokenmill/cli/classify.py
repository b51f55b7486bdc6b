"""`tokenmill classify`: labels of texts, numbers, tags of tokens, and what moved a decision."""

import sys
from collections.abc import Sequence

from tokenmill.cli.models import answer, print_json
from tokenmill.inference import api
from tokenmill.inference.classify import fitting
from tokenmill.inference.explain import Explanation
from tokenmill.model.folder import LoadedModel
from tokenmill.serving.answers import influences_answer, labels_answer

RAISES, LOWERS, PLAIN = "\033[42;30m", "\033[41;30m", "\033[0m"
"""Backgrounds of a terminal for what speaks for an answer, and against it."""

STRONG = 0.5
"""Share of the strongest influence of a text from which on a part is coloured."""


def classify(name: str, texts: Sequence[str] | None, *, explain: bool, as_json: bool) -> None:
    """Print the likeliest label of each text with its probability; as JSON, all probabilities.

    Where several labels may fit, all that do, between commas; of a regression the number. With
    ``explain`` the text shows what moved the decision.
    """

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        why = api.explain(loaded, chosen) if explain else [None] * len(chosen)
        for text, found, explanation in zip(chosen, api.classify(loaded, chosen), why, strict=True):
            if as_json:
                parts = {} if explanation is None else {"influences": influences_answer(explanation)}
                print_json(text=text, **labels_answer(loaded.model.config.problem_type, found), **parts)
                continue
            shown = text if explanation is None else marked(text, explanation, colours=sys.stdout.isatty())
            print(*_line(loaded, found), shown, sep="\t", flush=True)

    answer("classify", name, texts, show)


def _line(loaded: LoadedModel, found: dict[str, float]) -> tuple[str, ...]:
    label, value = next(iter(found.items()))
    match loaded.model.config.problem_type:
        case "regression":
            return (f"{value:.4g}",)
        case "multi_label_classification":
            fit = fitting(found)
            return ", ".join(fit), ", ".join(f"{probability:.3f}" for probability in fit.values())
    return label, f"{value:.3f}"


def marked(text: str, explanation: Explanation, *, colours: bool) -> str:
    """The text with its strongest parts marked: in colours, or as [for] and {against}."""
    most = max((abs(part.weight) for part in explanation.influences), default=0.0)
    pieces = []
    for part in explanation.influences:
        piece = text[part.start : part.end]
        if most and abs(part.weight) >= STRONG * most:
            up = part.weight > 0
            if colours:
                piece = f"{RAISES if up else LOWERS}{piece}{PLAIN}"
            else:
                piece = f"[{piece}]" if up else f"{{{piece}}}"
        pieces.append(piece)
    return "".join(pieces)
