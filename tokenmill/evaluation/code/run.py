"""Figures of completed code: the rest of lines, exactly; the rest of functions, by whether it parses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from textwrap import dedent
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.evaluation.analysis import groups_of
from tokenmill.evaluation.code.gaps import Gap, function_gaps, group_numbers, line_gaps, parsed
from tokenmill.evaluation.code.rivals import line_above, most_likely
from tokenmill.evaluation.code.settings import CodeSettings
from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.scores import clustered_mean
from tokenmill.evaluation.subject import Subject
from tokenmill.evaluation.tokens import encode_training
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.heads import LanguageModel
from tokenmill.model.infilling import infilling_of
from tokenmill.text.infill import InfillTokens

CHARACTERS_A_TOKEN = 16
"""So many characters for each token of the context are read beside a gap: more would fall away."""
EXAMPLES = 3
"""Lines, and functions, of each sort that the report shows."""
BATCH = 64
"""Gaps that are filled together."""

LABELS = {
    "before": "from what stands before",
    "around": "from what stands before and behind",
    "ngram": "n-gram model of the same tokens, from what stands before",
    "line_above": "the nearest line above that begins alike",
    "nothing": "nothing in the gap",
}
"""Who fills gaps: the model in two ways, and its rivals."""


def measure_code(subject: Subject, name: str) -> dict[str, Any]:
    """``lines`` and ``functions``, each with its items, answers and comparisons, and ``examples``.

    Raises:
        UserError: new tokens leave no room in the model's context, or no test document has a line of code.
    """
    settings = subject.settings.code
    if settings is None:
        return {}
    where, context = f"params.yaml: evaluate.{name}.code", subject.model.config.context
    if problem := settings.problem(context):
        raise UserError(f"{where}.{problem}, but the context of {name} is {context}; lower it")
    documents = subject.documents("test", subject.sources)
    seed = subject.settings.seed
    lines = line_gaps(documents, settings.lines, seed)
    if not lines:
        raise UserError(f"{where}: no test document has a line of code; name sources of programs")
    functions = function_gaps(documents, settings.functions, seed)
    filling = _Filling(subject)
    groups = groups_of(documents)
    asked = _lines(filling, lines, groups, settings), _functions(filling, functions, groups, settings)
    (of_lines, first), (of_functions, second) = asked
    return {"lines": of_lines, "functions": of_functions, "examples": [*first, *second]}


class _Filling:
    """The model and the n-gram model of its training text, and how they are asked."""

    def __init__(self, subject: Subject) -> None:
        assert isinstance(subject.model, LanguageModel)
        self.model, self.vocabulary = subject.model, subject.vocabulary
        self.infilling: InfillTokens | None = infilling_of(subject.ancestry, subject.vocabulary.tokenizer)
        training = encode_training(subject)
        config, order = subject.model.config, subject.settings.ngram_order
        self.ngram = NGram.fit(training.stream(), order, config.vocab_size, training.special.bos)

    def answers(self, gaps: Sequence[Gap], new_tokens: int, *, one_line: bool) -> dict[str, list[str]]:
        """What each of LABELS writes into each gap; the model both ways only if it learned to."""
        settings = GenerationConfig(
            max_new_tokens=new_tokens, temperature=0.0, stop=("\n",) if one_line else ()
        )
        before = [self._before(gap, new_tokens) for gap in gaps]
        rows = {"before": before}
        if self.infilling is not None:
            rows["around"] = [self._around(gap, self.infilling, new_tokens) for gap in gaps]
        found = {}
        for way, asked in rows.items():
            written = generate_ids(self.model, self.vocabulary, asked, settings, batch_size=BATCH)
            found[way] = [self.vocabulary.decode(ids) for (ids,) in written]
        found["ngram"] = [
            most_likely(self.ngram, self.vocabulary, row, max_new_tokens=new_tokens, one_line=one_line)
            for row in before
        ]
        found["line_above"] = [line_above(gap.before) for gap in gaps]
        return found

    def _before(self, gap: Gap, new_tokens: int) -> list[int]:
        """The end of what stands before a gap, as ids; with the token that begins a document if all of it."""
        begin = [] if self.vocabulary.bos is None else [self.vocabulary.bos]
        context = self.model.config.context
        ids = self._ids(gap.before[-CHARACTERS_A_TOKEN * context :])
        return [*begin, *ids][-(context - new_tokens) :] or begin

    def _around(self, gap: Gap, tokens: InfillTokens, new_tokens: int) -> list[int]:
        context = self.model.config.context
        reach = CHARACTERS_A_TOKEN * context
        before, after = self._ids(gap.before[-reach:]), self._ids(gap.after[:reach])
        row = tokens.fitted(before, after, context - new_tokens - 1)
        whole = before == row[1 : len(before) + 1] and len(gap.before) <= reach
        return [self.vocabulary.bos, *row] if whole and self.vocabulary.bos is not None else row

    def _ids(self, text: str) -> list[int]:
        return list(self.vocabulary.tokenizer.encode(text, add_special_tokens=False).ids)


def _lines(
    filling: _Filling, gaps: Sequence[Gap], groups: npt.NDArray[np.int64], settings: CodeSettings
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    written = filling.answers(gaps, max(1, settings.max_new_tokens // 3), one_line=True)
    firsts = {way: [text.partition("\n")[0].rstrip() for text in texts] for way, texts in written.items()}
    right = {
        way: np.array([text == gap.missing for text, gap in zip(texts, gaps, strict=True)], np.float64)
        for way, texts in firsts.items()
    }
    figures = _figures("exact_match", right, group_numbers(gaps, groups))
    return figures, _examples(gaps, firsts, right)


def _functions(
    filling: _Filling, gaps: Sequence[Gap], groups: npt.NDArray[np.int64], settings: CodeSettings
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Of a model that sees both sides the gap alone is to be filled, of others the function to be ended."""
    if not gaps:
        return {}, []
    written = filling.answers(gaps, settings.max_new_tokens, one_line=False)
    written["nothing"] = ["" for _ in gaps]
    filled = {
        way: [
            gap.head + (text + gap.tail if way == "around" else ended(text, gap.indentation))
            for text, gap in zip(texts, gaps, strict=True)
        ]
        for way, texts in written.items()
    }
    right = {
        way: np.array([parsed(dedent(text)) is not None for text in texts], np.float64)
        for way, texts in filled.items()
    }
    figures = _figures("parses", right, group_numbers(gaps, groups))
    skipped = [gap.head + gap.tail for gap in gaps]
    figures["gap_left_out"] = float(np.mean([parsed(dedent(text)) is not None for text in skipped]))
    shown = {way: texts for way, texts in written.items() if way != "nothing"}
    return figures, _examples(gaps, shown, right)


def ended(text: str, indentation: int) -> str:
    """The beginning of a text that belongs to a function: up to the first line that is not indented deeper.

    Where there is none, the last line may be cut off in its middle, and is left out if it is not the first.
    """
    first, *others = text.split("\n")
    kept = [first]
    for line in others:
        if line.strip() and len(line) - len(line.lstrip()) <= indentation:
            return "\n".join(kept)
        kept.append(line)
    return "\n".join(kept[:-1] if len(kept) > 1 else kept)


def _figures(
    figure: str, right: Mapping[str, npt.NDArray[np.float64]], groups: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Shares with their intervals, and the gains of the model over rivals; gaps of a group together."""

    def share(values: npt.NDArray[np.float64]) -> dict[str, float]:
        found = clustered_mean(values, groups)
        return {
            figure: found.gain,
            f"{figure}_low": max(0.0, found.low),
            f"{figure}_high": min(1.0, found.high),
        }

    compared = [("before", rival) for rival in right if rival not in ("before", "around")]
    compared += [("around", rival) for rival in right if rival != "around" and "around" in right]
    return {
        "figure": figure,
        "items": len(groups),
        "groups": int(groups.max()) + 1,
        "answers": {way: {"label": LABELS[way], **share(values)} for way, values in right.items()},
        "comparisons": [
            {"of": way, "over": rival, **asdict(clustered_mean(right[way] - right[rival], groups))}
            for way, rival in compared
        ],
    }


def _examples(
    gaps: Sequence[Gap],
    written: Mapping[str, Sequence[str]],
    right: Mapping[str, npt.NDArray[np.float64]],
) -> list[dict[str, str]]:
    """Some gaps with what everyone writes into them: the first that are right, and the first that are not."""
    best = "around" if "around" in right else "before"
    (good,), (bad,) = (np.nonzero(right[best] == value) for value in (1, 0))
    some = sorted([*good[:EXAMPLES].tolist(), *bad[:EXAMPLES].tolist()])
    return [
        {
            "before": "\n".join(gaps[n].before.split("\n")[-4:]),
            "missing": gaps[n].missing,
            "after": "\n".join(gaps[n].after.split("\n")[:2]),
            **{way: texts[n] for way, texts in written.items()},
        }
        for n in some
    ]
