"""Models that answer texts: their answers beside the references, and beside what needs no model."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sacrebleu.metrics import BLEU

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.pairs import answered, text_pairs
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.memory import Gloss, Match, Pair, recall
from tokenmill.evaluation.overlap import (
    Counts,
    chrf,
    chrf_counts,
    interval,
    p_value,
    resampled,
    rouge,
    rouge_units,
)
from tokenmill.evaluation.parts import Parts, documents_and_groups, means
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.answering import Answering, answering_of
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.vocabulary import Vocabulary

LABELS = {
    "control": "the same from random weights",
    "memory": "translation memory: the answer to the most similar training text",
    "gloss": "translation memory from a similarity of 0.75 on, else known phrases and words (IBM model 1)",
    "copy": "the text itself",
    "lead": "the text's first sentence",
    "beginning": "the text's beginning, as long as the median training answer",
}
"""What the rivals are, in words."""
SIMILAR = 0.75
"""From here on a memory's answer is taken before a gloss."""
LONGER = 2
"""Texts that have so many times the characters of their answers, by the median, are summarised."""
HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")
SENTENCE_END = re.compile(r"(?<=[。！？!?\n])|(?<=\.)\s")
PLACEHOLDER = re.compile(
    r"%(?:\(\w+\))?[-#0+]*\d*(?:\.\d+)?[sdifrxuc]\b|\$?\{[^{}\s]*\}|</?[A-Za-z][^<>]*>|&#?\w+;"
)
"""What a translation keeps as it is: %s, %(name)s, {0}, {name}, tags, &entities;."""


def measure_generation(subject: Subject) -> Result:
    """Figures of the answers to the test documents, with intervals by bootstrap over groups of documents.

    Raises:
        UserError: no test or training document has a target.
    """
    answering = answering_of(subject.ancestry)
    assert answering is not None  # what makes the evaluation one of answers
    frame, test = _pairs(subject, "test", subject.sources)
    _, train = _pairs(subject, "train", subject.rival_sources)
    texts, references = [source for source, _ in test], [target for _, target in test]
    answers, ended = _answer(subject.model, subject.vocabulary, texts, answering, subject.settings.num_beams)
    recalled = recall(train, texts)
    rivals = _rivals(subject, answering, texts, train, recalled)
    draws = resampled(_groups(frame), subject.settings.seed)
    tokenize = "zh" if _is_chinese(references) else "13a"
    systems = {
        name: _System(said, references, texts, draws, tokenize)
        for name, said in {"": answers, **rivals}.items()
    }
    own = systems.pop("")
    figures = {**own.figures(), "ended": float(np.mean(ended)), "bleu_signature": own.signature}
    if "lead" in rivals:
        oracle = _System(list(map(_closest, texts, references)), references, texts, draws, tokenize)
        figures |= {f"oracle_{name}": value for name, value in oracle.figures().items() if name in ORACLE}
    return Result(
        figures=figures,
        rivals={name: {"label": LABELS[name], **system.figures()} for name, system in systems.items()},
        documents=len(test),
        test_digest=documents_digest(frame.with_columns(label="target"), labels=True),
        calibration=[],
        comparisons={name: own.compared(system) for name, system in systems.items()},
        predictions=_predictions(frame, test, own, systems, recalled),
    )


ORACLE = ("chrf", "rouge1", "rouge2", "rougeL")
"""Figures that are told of the part of a text that is most like its reference."""


def _pairs(subject: Subject, split: Split, sources: Sequence[str]) -> tuple[pl.DataFrame, list[Pair]]:
    """Documents of a split that have a target, and what is asked and answered in each."""
    reverse = bool(subject.ancestry["finetune"]["reverse"])
    frame = answered(subject.documents(split, sources))
    if frame.is_empty():
        raise UserError(
            f"{subject.clean}: no {split} documents of {', '.join(sources)} have a target; "
            "see sources and clean.split in params.yaml"
        )
    return frame, text_pairs(frame, reverse=reverse)


def _answer(
    model: Model, vocabulary: Vocabulary, texts: Sequence[str], answering: Answering, num_beams: int
) -> tuple[list[str], list[bool]]:
    """The likeliest answer to each text, and whether it ended by itself."""
    assert isinstance(model, LanguageModel)
    rows = vocabulary.encode((answering.prefix + text for text in texts), answering.max_tokens)
    settings = GenerationConfig(**answering.defaults, num_beams=num_beams)
    found = [ids for (ids,) in generate_ids(model, vocabulary, rows, settings, batch_size=64)]
    return [vocabulary.decode(ids) for ids in found], [len(ids) < settings.max_new_tokens for ids in found]


def _rivals(
    subject: Subject,
    answering: Answering,
    texts: Sequence[str],
    train: Sequence[Pair],
    recalled: Sequence[Match],
) -> dict[str, list[str]]:
    """Answers by all who apply: a gloss where the languages differ, beginnings where texts are long."""
    rivals: dict[str, list[str]] = {}
    if (subject.folder / CONTROL).is_dir():
        control = load_model(subject.folder / CONTROL)
        rivals["control"], _ = _answer(*control, texts, answering, subject.settings.num_beams)
    rivals["memory"] = [match.target for match in recalled]
    sources, targets = ([pair[side] for pair in train] for side in (0, 1))
    if _is_chinese(sources) != _is_chinese(targets):
        gloss = Gloss(train)
        rivals["gloss"] = [
            match.target if match.similarity >= SIMILAR else gloss(text)
            for match, text in zip(recalled, texts, strict=True)
        ]
    rivals["copy"] = list(texts)
    usual = median(map(len, targets))
    if "gloss" not in rivals and median(map(len, sources)) >= LONGER * usual:
        rivals["lead"] = [next(filter(str.strip, SENTENCE_END.split(text)), text).strip() for text in texts]
        rivals["beginning"] = [text[: int(usual)] for text in texts]
    return rivals


def _is_chinese(texts: Sequence[str]) -> bool:
    """Whether half of the letters are Han."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    return 2 * sum(HAN.match(letter) is not None for letter in letters) >= max(len(letters), 1)


def _groups(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Documents (N,) by number of their group; one without is a group of its own."""
    keys = frame.select(pl.struct("source", pl.col("group").fill_null(pl.col("id"))).rank("dense") - 1)
    return keys.to_series().to_numpy().astype(np.int64)


def _closest(text: str, reference: str) -> str:
    """The part of a text, as long as its reference, that has most of the reference's characters and pairs."""
    size = len(reference)
    if len(text) <= size:
        return text
    there = {*reference, *(reference[at : at + 2] for at in range(size - 1))}
    hits = np.array([(text[at] in there) + (text[at : at + 2] in there) for at in range(len(text))])
    begin = int(np.convolve(hits, np.ones(size), "valid").argmax())
    return text[begin : begin + size]


@dataclass(frozen=True)
class _System:
    """Somebody's answers to the test documents, and their figures."""

    answers: Sequence[str]
    references: Sequence[str]
    texts: Sequence[str]
    draws: Counts
    """(resamples, N) how often each document is drawn."""
    tokenize: str
    """sacrebleu's name of how words are told."""

    @cached_property
    def counts(self) -> Counts:
        """(N, runs) of chrF."""
        return np.array(
            [chrf_counts(*pair) for pair in zip(self.answers, self.references, strict=True)], float
        )

    @cached_property
    def resampled_chrf(self) -> Counts:
        """(resamples,)"""
        found: Counts = chrf(self.draws @ self.counts)
        return found

    @cached_property
    def bleu(self) -> BLEU:
        """The metric, which knows its signature once it has been asked."""
        return BLEU(tokenize=self.tokenize)

    @property
    def signature(self) -> str:
        """How BLEU was computed (Post 2018)."""
        return str(self.bleu.get_signature())

    def figures(self) -> dict[str, Any]:
        """From 0 to 1, but for the ratio of lengths; with intervals where the name ends in _low and _high."""
        pairs = list(zip(self.answers, self.references, strict=True))
        right = np.array([_means_of(*pair) for pair in pairs])
        bleu = self.bleu.corpus_score(list(self.answers), [list(self.references)])
        figures: dict[str, Any] = {"chrf": float(chrf(self.counts.sum(0))), "bleu": bleu.score / 100}
        figures["chrf_low"], figures["chrf_high"] = interval(self.resampled_chrf)
        for number, name in enumerate(MEANS):
            figures[name] = float(right[:, number].mean())
            means = self.draws @ right[:, number] / self.draws.sum(1)
            figures[f"{name}_low"], figures[f"{name}_high"] = interval(means)
        figures["length_ratio"] = sum(map(len, self.answers)) / sum(map(len, self.references))
        said = [
            (unit, set(rouge_units(text)))
            for answer, text in zip(self.answers, self.texts, strict=True)
            for unit in rouge_units(answer)
        ]
        figures["copied"] = sum(unit in there for unit, there in said) / max(len(said), 1)
        kept = [
            Counter(PLACEHOLDER.findall(text)) <= Counter(PLACEHOLDER.findall(answer))
            for answer, text in zip(self.answers, self.texts, strict=True)
            if PLACEHOLDER.search(text)
        ]
        if kept:
            figures |= {"placeholders_kept": float(np.mean(kept)), "with_placeholders": len(kept)}
        return figures

    def compared(self, other: "_System") -> dict[str, float]:
        """How much more chrF than somebody else's on the same draws of documents."""
        gains = self.resampled_chrf - other.resampled_chrf
        low, high = interval(gains)
        gain = float(chrf(self.counts.sum(0)) - chrf(other.counts.sum(0)))
        return {"gain": gain, "low": low, "high": high, "p_value": p_value(gains)}


MEANS = ("rouge1", "rouge2", "rougeL", "exact_match")
"""Figures that are means over documents."""


def _means_of(answer: str, reference: str) -> tuple[float, ...]:
    return *rouge(answer, reference), float(answer.split() == reference.split())


def _predictions(
    frame: pl.DataFrame,
    test: Sequence[Pair],
    own: _System,
    rivals: Mapping[str, _System],
    recalled: Sequence[Match],
) -> pl.DataFrame:
    """id, text, reference, answer and its chrF; the same of rivals; the nearest training text."""
    columns = [
        pl.Series("text", [source for source, _ in test]),
        pl.Series("reference", [target for _, target in test]),
    ]
    for name, system in {"": own, **rivals}.items():
        prefix = f"{name}_" if name else ""
        columns += [
            pl.Series(f"{prefix}answer", list(system.answers)),
            pl.Series(f"{prefix}chrf", chrf(system.counts).round(4), pl.Float64),
        ]
    columns += [
        pl.Series("nearest", [match.source for match in recalled]),
        pl.Series("similarity", [round(match.similarity, 4) for match in recalled]),
    ]
    return frame.select("id").with_columns(columns).sort("id")


def generation_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric not in ("chrf", *MEANS):
        return None
    answering = answering_of(subject.ancestry)
    assert answering is not None
    frame, test = _pairs(subject, "test", subject.sources)
    texts, references = [source for source, _ in test], [target for _, target in test]
    answers, _ = _answer(subject.model, subject.vocabulary, texts, answering, subject.settings.num_beams)
    units, groups = documents_and_groups(frame)
    direction = f"reverse: {str(subject.ancestry['finetune']['reverse']).lower()}"
    pairs = list(zip(answers, references, strict=True))
    if metric == "chrf":
        counts = np.array([chrf_counts(*pair) for pair in pairs], np.float64)
        return Parts(tuple(units), tuple(groups), counts, chrf, direction)
    values = np.array([_means_of(*pair)[MEANS.index(metric)] for pair in pairs], np.float64)
    return means(units, groups, values, measured_in=direction)
