"""Answers to test documents: figures against what the model says, and which rivals stand beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sacrebleu.metrics import BLEU, CHRF

from tests.evaluation.helpers import Project
from tests.samples import splits, write_clean
from tests.tiny_models import write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.generation import PLACEHOLDER, _closest
from tokenmill.evaluation.settings import FIGURES
from tokenmill.inference import api
from tokenmill.model.digest import CONTROL

THINGS = ("file", "window", "page", "tab", "cell", "menu", "book", "film", "list", "test")
NAMES = ("文件", "窗口", "页面", "标签", "单元格", "菜单", "书", "电影", "列表", "测试")
STRINGS = {
    f"{do} {thing}{mark}": f"{name_of}{name}{mark}"
    for do, name_of in (("Open", "打开"), ("Close", "关闭"), ("Find", "查找"), ("Delete", "删除"))
    for thing, name in zip(THINGS, NAMES, strict=True)
    for mark in ("", " %s")
}
STORIES = {
    f"北京{n}月{n}日电：{name}今天到了。记者从有关方面获悉，这是第{n}次，大家都来看过了。": f"{name}到了"
    for n, name in enumerate(NAMES * 3)
}
ASKED = {"reverse": False, "prefix": "a test: ", "max_tokens": 24, "max_target_tokens": 8}


def project(root: Path, targets: dict[str, str], **finetune: Any) -> Project:
    """A model with random weights that was fine-tuned for these answers, and its control."""
    made = Project(root)
    write_clean(made.clean, {"strings": splits([(text, None) for text in targets])}, targets)
    write_tokenizer(made.tokenizer)
    known = {"task": "generation", "finetune": {"source": "strings", **ASKED, **finetune}}
    for seed, folder in ((1, made.model("replies")), (4, made.model("replies") / CONTROL)):
        made.save_model("replies", seed, folder, documents=digest_tree(made.clean), **known)
    return made


@pytest.fixture(scope="module")
def strings(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(tmp_path_factory.mktemp("strings"), STRINGS)


def test_the_figures_are_those_of_the_answers(strings: Project) -> None:
    found = strings.evaluate("replies")
    table = pl.read_parquet(strings.out["evaluation"] / "predictions.parquet")
    assert found["kind"] == "generation" and found["documents"] == table.height == 12
    assert set(found["rivals"]) == {"control", "memory", "gloss", "copy"}
    asked = [texts[0] for texts in api.generate(strings.model("replies"), table["text"].to_list())]
    assert table["answer"].to_list() == asked, "asked as people ask it"
    references = table["reference"].to_list()
    assert [STRINGS[text] for text in table["text"]] == references
    for name, part in {"": found["figures"], **found["rivals"]}.items():
        answers = table[f"{name}_answer" if name else "answer"].to_list()
        assert part["chrf"] == pytest.approx(CHRF().corpus_score(answers, [references]).score / 100, abs=1e-6)
        bleu = BLEU(tokenize="zh").corpus_score(answers, [references]).score
        assert part["bleu"] == pytest.approx(bleu / 100, abs=1e-6)
        assert part["exact_match"] == pytest.approx(np.mean(np.array(answers) == references), abs=1e-6)
        assert part["chrf_low"] <= part["chrf"] <= part["chrf_high"]
        with_some = [bool(PLACEHOLDER.search(text)) for text in table["text"]]
        assert part["with_placeholders"] == sum(with_some) > 0
    assert set(FIGURES["generation"]) <= set(found["figures"])
    assert "tok:zh" in found["figures"]["bleu_signature"]
    assert found["rivals"]["copy"]["copied"] == found["rivals"]["copy"]["placeholders_kept"] == 1
    compared = found["comparisons"]["memory"]
    assert compared["gain"] == pytest.approx(
        found["figures"]["chrf"] - found["rivals"]["memory"]["chrf"], abs=2e-6
    )
    assert compared["low"] <= compared["gain"] <= compared["high"] < 0 and compared["p_value"] < 0.05
    assert strings.evaluate("replies") == found
    assert strings.evaluate("replies", num_beams=3)["documents"] == 12


def test_a_reversed_task_is_measured_in_reverse(tmp_path: Path) -> None:
    found = project(tmp_path, STRINGS, reverse=True)
    figures = found.evaluate("replies")
    table = pl.read_parquet(found.out["evaluation"] / "predictions.parquet")
    assert set(table["reference"]) <= set(STRINGS) and "tok:13a" in figures["figures"]["bleu_signature"]


def test_long_texts_of_the_same_language_have_beginnings_as_rivals(tmp_path: Path) -> None:
    found = project(tmp_path, STORIES)
    figures = found.evaluate("replies")
    assert set(figures["rivals"]) == {"control", "memory", "copy", "lead", "beginning"}
    table = pl.read_parquet(found.out["evaluation"] / "predictions.parquet")
    row = table.row(0, named=True)
    assert row["lead_answer"] == row["text"].partition("。")[0] + "。"
    assert row["text"].startswith(row["beginning_answer"]) and 3 <= len(row["beginning_answer"]) <= 5
    assert figures["figures"]["oracle_rougeL"] > figures["rivals"]["beginning"]["rougeL"]


def test_the_closest_part_of_a_text_is_as_long_as_its_reference() -> None:
    assert _closest("昨天晚上，新的电影到了北京。", "电影到北京") in ("电影到了北", "影到了北京")
    assert _closest("短", "长一些") == "短"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%s of %(name)s, 100% sure, %d", ["%s", "%(name)s", "%d"]),
        ("{0} and {name} and ${x} but { no }", ["{0}", "{name}", "${x}"]),
        ("a < b &amp; <b>c</b> &#39;", ["&amp;", "<b>", "</b>", "&#39;"]),
    ],
)
def test_placeholders_are_what_translations_keep(text: str, found: list[str]) -> None:
    assert PLACEHOLDER.findall(text) == found


def test_test_documents_without_targets_are_refused(tmp_path: Path) -> None:
    made = project(tmp_path, STRINGS)
    path = made.clean / "documents/strings.parquet"
    test = pl.col("split") == "test"
    pl.read_parquet(path).with_columns(target=pl.when(~test).then("target")).write_parquet(path)
    known = {"task": "generation", "finetune": {"source": "strings", **ASKED}}
    made.save_model("replies", documents=digest_tree(made.clean), **known)
    with pytest.raises(UserError, match="no test documents of strings have a target; see sources"):
        made.evaluate("replies")
