"""Gaps in programs, who fills them without a model, and figures of who fills them best."""

import ast
from textwrap import dedent
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.evaluation.helpers import Project, make
from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.evaluation.code.gaps import function_gaps, line_gaps
from tokenmill.evaluation.code.rivals import line_above, most_likely
from tokenmill.evaluation.code.run import ended, measure_code
from tokenmill.evaluation.code.settings import CodeSettings
from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.evaluation.subject import open_subject
from tokenmill.model.folder import load_model
from tokenmill.text.tokenizer import BOS

PROGRAM = '''"""A module.

x = 1 in its text
"""
import sys  # a comment behind


class Shop:
    # a comment alone
    def price(self, count):
        """The price

        of all.
        """
        total = 3 * count
        if total > 9:
            total -= 1
        return (
            total
        )
'''
TEXTS = pl.DataFrame({"text": [PROGRAM, "no program: (\nbut two lines\n"]})


def test_lines_are_of_code() -> None:
    gaps = line_gaps(TEXTS, 100, 1)
    lines = [gap.text[gap.text.rfind("\n", 0, gap.begin) + 1 : gap.end].strip() for gap in gaps]
    assert lines == [
        "import sys  # a comment behind",
        "class Shop:",
        "def price(self, count):",
        "total = 3 * count",
        "if total > 9:",
        "total -= 1",
        "return (",
        "total",
        "no program: (",
        "but two lines",
    ]
    assert all(gap.missing and "\n" not in gap.missing and gap.after[:1] in ("\n", "") for gap in gaps)
    assert all(gap.before + gap.missing + gap.after == gap.text for gap in gaps)
    assert gaps == line_gaps(TEXTS, 100, 1) != line_gaps(TEXTS, 100, 2)
    assert len(line_gaps(TEXTS, 4, 1)) == 4


@pytest.mark.parametrize("seed", range(8))
def test_functions_have_their_gap_in_their_code(seed: int) -> None:
    (gap,) = function_gaps(TEXTS, 10, seed)
    assert gap.document == 0 and gap.indentation == 4
    assert gap.head.startswith("    def price(self, count):\n") and '"""' in gap.head
    assert ast.parse(dedent(gap.head + gap.missing + gap.tail))
    assert gap.tail == "" or gap.tail.startswith("\n")


def test_a_function_ends_where_its_indentation_does() -> None:
    assert ended(" + 1\n        return x\n\n    def other():\n        pass", 4) == " + 1\n        return x\n"
    assert ended(" + 1\n        return x\n        y = (", 4) == " + 1\n        return x", (
        "its last line is cut"
    )
    assert ended(" + (1", 4) == " + (1"


def test_the_line_above_that_begins_alike() -> None:
    before = "x = first(1)\n    x = second(2)\ny = 3\n        x = "
    assert line_above(before) == "second(2)"
    assert line_above("a = 1\nb") == ""


def test_the_likeliest_tokens_are_those_of_the_n_gram_model() -> None:
    random = np.random.default_rng(0)
    stream = np.concatenate([[BOS, *random.integers(39, 60, 30)] for _ in range(40)])
    ngram = NGram.fit(stream, 3, 64, BOS)
    for end in (1, 2, 3, 17):
        history = stream[:end].tolist()
        found = ngram.next_probabilities(history)
        asked = [ngram.log2_probs(np.array([*history, token]))[-1] for token in range(64) if token != BOS]
        np.testing.assert_allclose(np.log2(np.delete(found, BOS)), asked)
        assert found.sum() == pytest.approx(1)
    unseen = ngram.next_probabilities([BOS, 3, 3])
    np.testing.assert_allclose(unseen, ngram.next_probabilities([5, 3, 3]), err_msg="nothing follows it")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make(tmp_path_factory.mktemp("project"))


def measured(project: Project, **ancestry: Any) -> dict[str, Any]:
    folder = project.root / "coder"
    project.save_model("scribe", folder=folder, **ancestry)
    settings = EvaluateSettings(code=CodeSettings(lines=12, max_new_tokens=9), ngram_order=3)
    subject = open_subject("scribe", settings, project.clean, folder, project.digests["clean"])
    return measure_code(subject, "scribe")


def test_figures_of_a_model_and_its_rivals(project: Project) -> None:
    found = measured(project)
    assert found["lines"]["items"] == 12 and found["functions"] == {}
    answers = found["lines"]["answers"]
    assert set(answers) == {"before", "ngram", "line_above"}
    for values in answers.values():
        assert 0 <= values["exact_match_low"] <= values["exact_match"] <= values["exact_match_high"] <= 1
    gains = {row["over"]: row["gain"] for row in found["lines"]["comparisons"] if row["of"] == "before"}
    for rival, gain in gains.items():
        assert gain == pytest.approx(answers["before"]["exact_match"] - answers[rival]["exact_match"])
    assert found["examples"] and set(found["examples"][0]) >= {"before", "missing", "after", "ngram"}


def test_a_model_that_fills_gaps_is_asked_both_ways(project: Project) -> None:
    pretrain = read_json(project.model("scribe") / "ancestry.json", "")["pretrain"]
    found = measured(project, pretrain={**pretrain, "fim_rate": 0.5})
    assert set(found["lines"]["answers"]) == {"before", "around", "ngram", "line_above"}
    assert {(row["of"], row["over"]) for row in found["lines"]["comparisons"]} >= {("around", "before")}


def test_new_tokens_leave_room(project: Project) -> None:
    with pytest.raises(UserError, match=r"scribe\.code\.max_new_tokens is 17, and may be half of it"):
        project.evaluate("scribe", code={"max_new_tokens": 17})


def test_most_likely_stops_at_the_end_of_a_line(project: Project) -> None:
    _, vocabulary = load_model(project.model("scribe"))
    line = vocabulary.tokenizer.encode("a\nb\nb", add_special_tokens=False).ids
    ngram = NGram.fit(np.array([BOS, *line] * 20), 3, 320, BOS)
    said = most_likely(ngram, vocabulary, [BOS, line[0]], max_new_tokens=9, one_line=True)
    assert said == "\n"
    assert len(most_likely(ngram, vocabulary, [BOS, line[0]], max_new_tokens=3, one_line=False)) == 3
