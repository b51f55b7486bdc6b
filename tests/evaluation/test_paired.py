"""Figures by document, and two models on the same documents."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.helpers import KINDS, Project
from tests.tiny_models import write_tokenizer
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.kinds import PARTS
from tokenmill.evaluation.paired import NotComparable, compare_models
from tokenmill.evaluation.parts import LEAST_GROUPS
from tokenmill.evaluation.settings import FIGURES, EvaluateSettings
from tokenmill.evaluation.subject import Subject, open_subject

NO_SUMS = {"calibration_error", "recall_unseen", "reward_accuracy", "margin", "kl"}
"""Figures that do not come apart into documents, or hang on each model's own start."""


def opened(project: Project, name: str) -> Subject:
    settings = EvaluateSettings(ngram_order=3, max_new_tokens=5)
    digest = digest_tree(project.clean)
    return open_subject(name, settings, project.clean, project.model(name), digest)


@pytest.mark.parametrize("name", KINDS)
def test_the_parts_of_every_figure_add_up_to_it(shared: Project, name: str) -> None:
    figures = shared.evaluate(name)["figures"]
    subject = opened(shared, name)
    for metric in FIGURES[KINDS[name]]:
        parts = PARTS[KINDS[name]](subject, metric)
        assert (parts is None) == (metric in NO_SUMS)
        if parts is not None:
            assert parts.value == pytest.approx(figures[metric], abs=1e-5)
            assert len(parts.units) == len(set(parts.units)) == len(parts.groups) == len(parts.counts)


@pytest.mark.parametrize("name", ["scribe", "mood"])
def test_a_gain_has_its_interval_and_what_is_equal_gains_nothing(made: Project, name: str) -> None:
    metric, better = ("bits_per_byte", "lower") if name == "scribe" else ("accuracy", "higher")
    subject = opened(made, name)
    same = compare_models(subject, subject, metric, better)  # type: ignore[arg-type]
    assert same.value == same.other and same.comparison is not None
    assert (same.comparison.gain, same.comparison.p_value) == (0, 1)
    made.save_model(name, seed=2)
    other = opened(made, name)
    one = compare_models(subject, other, metric, better).comparison  # type: ignore[arg-type]
    two = compare_models(other, subject, metric, better).comparison  # type: ignore[arg-type]
    assert one is not None and two is not None
    assert one.gain == pytest.approx(-two.gain) and one.gain != 0
    assert one.low < one.gain < one.high
    assert one.low == pytest.approx(-two.high)


def test_bits_per_byte_compare_across_tokenizers_and_a_loss_by_token_does_not(
    made: Project, tmp_path: Path
) -> None:
    folder = shutil.copytree(made.model("scribe"), tmp_path / "before")
    subject = replace(opened(made, "scribe"), folder=folder)
    write_tokenizer(made.tokenizer, vocab_size=300)
    made.save_model("scribe")
    other = opened(made, "scribe")
    assert compare_models(subject, other, "bits_per_byte", "lower").comparison is not None
    with pytest.raises(NotComparable, match="its loss is by tokenizer"):
        compare_models(subject, other, "loss", "lower")


def test_what_does_not_compare_is_said(shared: Project) -> None:
    scribe, mood, names = (opened(shared, name) for name in ("scribe", "mood", "names"))
    with pytest.raises(NotComparable, match="it is a sequence-classifier, this one a causal-lm"):
        compare_models(scribe, mood, "loss", "lower")
    others = replace(names, ancestry={"finetune": {**names.ancestry["finetune"], "labels": {"n": "WHO"}}})
    with pytest.raises(NotComparable, match=r'its f1 is by entities of \{"n": "WHO"\}'):
        compare_models(names, others, "f1", "higher")
    with pytest.raises(NotComparable, match="other documents"):
        compare_models(mood, replace(mood, left_out=frozenset(first(mood, 1))), "accuracy", "higher")


def first(subject: Subject, count: int) -> list[str]:
    return subject.documents("test", subject.sources)["id"].to_list()[:count]


def test_few_documents_and_other_figures_have_no_test(shared: Project) -> None:
    mood = opened(shared, "mood")
    test = first(mood, 10_000)
    few = replace(mood, left_out=frozenset(test[LEAST_GROUPS - 1 :]))
    found = compare_models(few, few, "accuracy", "higher")
    assert (found.documents, found.comparison) == (LEAST_GROUPS - 1, None)
    found = compare_models(mood, mood, "calibration_error", "lower")
    assert (found.documents, found.comparison) == (0, None)
    assert found.value == found.other and np.isfinite(found.value)
