"""Entries of `choices` and `embeddings` with tiny models: figures, rivals, files, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.evaluation.helpers import Project
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.choices.harness import aligned
from tokenmill.inference.choose import Choice
from tokenmill.model.folder import load_model

PINYIN = "".join(f"{word} x\n" for word in ("电影", "音乐", "新书", "词典", "地图", "报纸", "杂志", "邮票"))
HOMOPHONES = {"kind": "homophones", "source": "diary", "pinyin": "data/sources/pinyin.txt"}
LABELS = {"positive": "好", "negative": "差"}
PROMPTED = {
    "kind": "prompted",
    "source": "letters",
    "templates": ["{text}很{label}。", "{text}评：{label}"],
    "labels": LABELS,
    "shots": [0, 1],
    "draws": 2,
    "items": 10,
}
QUESTIONS = [
    {"query": "今天是", "choices": ["1月", "书"], "gold": 0},
    {"query": "我喜欢", "choices": ["电影", "我喜欢吗", "书"], "gold": 1, "after": "。", "group": "a"},
    {"query": "", "choices": ["a", "b"], "gold": 1, "group": "a"},
]


@pytest.fixture
def here(shared: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The shared project, in a folder with files of the user's."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/sources"
    folder.mkdir(parents=True)
    (folder / "pinyin.txt").write_text(PINYIN, "utf-8")
    (folder / "own.jsonl").write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS), "utf-8")
    return shared


def measured(project: Project, entry: dict[str, Any], model: str = "scribe", group: str = "choices") -> Any:
    return project.evaluate(model, **{group: {"some": entry}})[group]["some"]


@pytest.mark.parametrize("model", ["scribe", "gaps"])
def test_homophones_beside_their_rivals(here: Project, model: str) -> None:
    found = measured(here, HOMOPHONES, model)
    assert found["items"] == 6 and found["ranking"] == "sum" and len(found["table"]) == 64
    assert found["chance"] == pytest.approx(1 / 8)
    assert set(found["accuracies"]) == {"sum", "per_byte", "pmi", "whole"}
    assert set(found["rivals"]) == set(found["comparisons"]) == {"frequency", "bigrams"}
    for values in [*found["accuracies"].values(), *found["rivals"].values()]:
        assert values["accuracy_low"] <= values["accuracy"] <= values["accuracy_high"]
        assert values["centred"] == pytest.approx((values["accuracy"] - 1 / 8) / (7 / 8), abs=2e-6)
    both = found["with_bigrams"]
    assert 0 <= both["weight"] <= 1 and both["accuracy_low"] <= both["accuracy"]
    better = both["accuracy"] - found["rivals"]["bigrams"]["accuracy"]
    assert both["gain"]["gain"] == pytest.approx(better, abs=2e-6)
    gain = found["accuracies"]["sum"]["accuracy"] - found["rivals"]["bigrams"]["accuracy"]
    assert found["comparisons"]["bigrams"]["gain"] == pytest.approx(gain, abs=2e-6)
    assert here.metrics["choices"]["some"]["rivals"] == {
        name: values["accuracy"] for name, values in found["rivals"].items()
    }


def test_the_harness_gets_the_items_that_the_model_was_asked(here: Project) -> None:
    found = measured(here, HOMOPHONES)
    folder = here.out["evaluation"] / "lm_eval"
    task = YAML(typ="safe", pure=True).load((folder / "some.yaml").read_text("utf-8"))
    assert task["task"] == "some" and task["output_type"] == "multiple_choice"
    assert task["dataset_kwargs"]["data_files"] == {"test": "data/evaluation/scribe/lm_eval/some.jsonl"}
    rows = [json.loads(line) for line in (folder / "some.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == found["items"]
    assert [each["metric"] for each in task["metric_list"]] == ["acc", "acc_bytes", "acc_mutual_info"]
    _, vocabulary = load_model(here.model("scribe"))
    for row in rows:
        own = vocabulary.encode([row["query"]])[0]
        assert all(vocabulary.encode([row["query"] + text])[0][: len(own)] == own for text in row["choices"])
        assert {task["doc_to_text"], task["doc_to_choice"], task["doc_to_target"]} == set(row)
        right = row["query"] + row["choices"][row["gold"]]
        assert right.startswith("我") and right.endswith("。") and len(row["choices"]) == 8


def test_the_harness_cuts_no_candidate_in_two(here: Project) -> None:
    """The tokenizer of the tests knows 喜欢 as a token."""
    _, vocabulary = load_model(here.model("scribe"))
    choice = Choice("我喜", ("欢", "爱"), "看")
    assert (
        vocabulary.encode(["我喜"])[0]
        != vocabulary.encode(["我喜欢看"])[0][: len(vocabulary.encode(["我喜"])[0])]
    )
    moved = aligned(vocabulary, choice)
    assert (moved.texts, moved.after) == (choice.texts, "看") and len(moved.before) < 2
    plain = Choice("我", ("a", "b"))
    assert aligned(vocabulary, plain) == plain


def test_labels_by_template_over_examples(here: Project) -> None:
    found = measured(here, PROMPTED)
    assert (found["items"], found["chance"], found["templates"]) == (10, 0.5, 2)
    none, one = found["curve"]
    assert (none["shots"], one["shots"]) == (0, 1) and none["rivals"] == {}
    assert set(one["accuracies"]) == {"sum", "per_byte", "pmi", "whole", "calibrated"}
    assert (none["accuracies"]["sum"]["runs"], one["accuracies"]["sum"]["runs"]) == (2, 4)
    for values in [*one["accuracies"].values(), one["rivals"]["tfidf"]]:
        assert values["lowest"] <= values["accuracy"] <= values["highest"]
        assert values["accuracy_low"] <= values["accuracy"] <= values["accuracy_high"]
    assert set(here.metrics["choices"]["some"]) == {"shots_0", "shots_1"}
    tasks = sorted(path.name for path in (here.out["evaluation"] / "lm_eval").iterdir())
    assert tasks == ["some-1.jsonl", "some-1.yaml", "some-2.jsonl", "some-2.yaml"]


def test_questions_of_a_file(here: Project) -> None:
    found = measured(here, {"kind": "file", "file": "data/sources/own.jsonl"})
    assert found["items"] == 3 and found["rivals"]["overlap"]["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["chance"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no", "line 1 is no JSON: no"),
        ("[]", "line 1 is no object"),
        ('{"choices": ["a", "b"], "gold": 0}', "line 1: query must be a text, got None"),
        ('{"query": "a", "choices": "ab", "gold": 0}', "choices must be a list of texts"),
        ('{"query": "a", "choices": ["b"], "gold": 0}', "at least two candidates, got 1"),
        ('{"query": "a", "choices": ["b", "b"], "gold": 0}', "candidates must differ, got b twice"),
        ('{"query": "a", "choices": ["b", ""], "gold": 0}', "candidate 2 is empty"),
        ('{"query": "a", "choices": ["b", "c"], "gold": 2}', "gold must be the place of .*, 0 to 1"),
        (json.dumps({"query": "a" * 90, "choices": ["b", "c"], "gold": 0}), "longer than .* context of 32"),
        ("", "no questions"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_question(here: Project, line: str, said: str) -> None:
    Path("data/sources/own.jsonl").write_text(line + "\n", "utf-8")
    with pytest.raises(UserError, match=f"^data/sources/own.jsonl.*{said}"):
        measured(here, {"kind": "file", "file": "data/sources/own.jsonl"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": {"positive": "好", "neutral": "平"}}, "labels has no words for the label 'negative'"),
        ({"shots": [400]}, "400 examples need 200 training documents of one label, and one has"),
        ({"shots": [8]}, "8 examples leave 0 tokens for a text in the context of 32; lower it"),
        ({"source": "news"}, "no labelled documents"),
    ],
)
def test_labels_that_cannot_be_asked_for(here: Project, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        measured(here, {**PROMPTED, **changes})


def test_a_classifier_does_not_choose(here: Project) -> None:
    with pytest.raises(UserError, match="choose with a causal or a masked language model"):
        measured(here, HOMOPHONES, "mood")


def test_labels_from_vectors(here: Project) -> None:
    entry = {"kind": "classes", "source": "letters", "shots": [1, 8], "draws": 3, "descriptions": LABELS}
    found = measured(here, entry, "mood", "embeddings")
    assert (found["documents"], found["labels"]) == (30, 2) and found["majority"] >= 0.5
    one, eight = found["curve"]
    assert (one["shots"], eight["shots"], one["runs"]) == (1, 8, 3)
    assert eight["rivals"]["tfidf"]["accuracy"] > 0.7 and eight["lowest"] <= eight["accuracy"]
    assert 0 <= found["zero_shot"]["accuracy"] <= 1
    assert here.metrics["embeddings"]["some"]["shots_8"]["accuracy"] == eight["accuracy"]


def test_targets_of_texts(here: Project) -> None:
    found = measured(here, {"kind": "retrieval", "source": "diary"}, "gaps", "embeddings")
    assert (found["documents"], found["targets"], found["chance"]) == (6, 6, 1.0)
    assert found["recall_at_10"] == found["rivals"]["tfidf"]["recall_at_10"] == 1
    # The target repeats the text's words.
    assert found["rivals"]["tfidf"]["mrr"] == 1 and 0 < found["mrr"] <= 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "classes", "source": "news"}, "its documents have no label"),
        ({"kind": "retrieval", "source": "letters"}, "its documents have no target"),
        ({"kind": "classes", "source": "letters", "shots": [999]}, "one has .*lower shots"),
        (
            {"kind": "classes", "source": "letters", "shots": [1], "descriptions": {"positive": "好"}},
            "descriptions says nothing of the label 'negative'",
        ),
    ],
)
def test_sources_that_vectors_cannot_be_measured_on(here: Project, entry: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        measured(here, entry, "gaps", "embeddings")


def test_equal_inputs_give_equal_bytes_with_entries(here: Project) -> None:
    folders = []
    for _ in range(2):
        here.evaluate("scribe", choices={"a": HOMOPHONES, "b": PROMPTED}, seed=3)
        folders.append(here.out["evaluation"].parent)
    assert digest_tree(folders[0]) == digest_tree(folders[1])
