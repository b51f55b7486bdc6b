"""Every example runs from its first stage to its last, all names in it changed, on small text of ours."""

import csv
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.dag import Graph, Node
from tests.conftest import ROOT
from tests.downloaded import write_bert
from tokenmill.cli.init import init

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml"))
THROUGH_DVC = "english-gpt"
"""Also run by `dvc repro`, each stage a process of its own with the project's own copy of the code."""

PLACES = (
    "harbour",
    "village",
    "museum",
    "station",
    "library",
    "garden",
    "market",
    "bridge",
    "school",
    "island",
)
PEOPLE = ("captain", "baker", "teacher", "painter", "farmer", "doctor", "pilot", "nurse", "singer", "lawyer")
DEEDS = ("visited", "described", "repaired", "admired", "measured", "painted", "crossed", "remembered")
TIMES = (
    "in the morning",
    "after lunch",
    "last winter",
    "before the storm",
    "at noon",
    "on Sunday",
    "yesterday",
)
GOOD = ("It was a great pleasure", "Everybody was delighted", "The result was excellent")
BAD = ("It was a great disappointment", "Everybody was annoyed", "The result was awful")


def page(draw: random.Random, sentences: int, ending: str = "") -> str:
    """English sentences; no two pages are alike."""
    told = [
        f"The {draw.choice(PEOPLE)} and {draw.choice(('his', 'her', 'a'))} {draw.choice(PEOPLE)} "
        f"{draw.choice(DEEDS)} the {draw.choice(PLACES)} near {draw.choice(PLACES)} "
        f"number {draw.randrange(900)} {draw.choice(TIMES)}."
        for _ in range(sentences)
    ]
    return " ".join([*told, ending]).strip()


def labelled(draw: random.Random) -> tuple[str, str]:
    """A short text and its label."""
    label = draw.choice(("good", "bad"))
    return page(draw, 1, draw.choice(GOOD if label == "good" else BAD) + "."), label


def write_txt(path: Path, source: dict[str, Any]) -> None:
    """A document a line."""
    draw = random.Random(path.name)
    path.write_text("".join(page(draw, 2) + "\n" for _ in range(160)), "utf-8")


def write_jsonl(path: Path, source: dict[str, Any]) -> None:
    """Pages that the rules for pages of the web let through."""
    draw = random.Random(path.name)
    lines = (json.dumps({"text": page(draw, 14)}) + "\n" for _ in range(120))
    path.write_text("".join(lines), "utf-8")


LABELS: dict[str, dict[str, str]] = {
    "topics": {"good": "praise; travel", "bad": "complaint"},
    "stars": {"good": "4.5", "bad": "1"},
}
"""Those of tables, by the name of their column, that hold no single names."""


def write_csv(path: Path, source: dict[str, Any]) -> None:
    """A table with the columns that the source names."""
    draw = random.Random(path.name)
    labels = LABELS.get(source["columns"]["label"], {})
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([source["columns"]["text"], source["columns"]["label"]])
        rows = (labelled(draw) for _ in range(240))
        table.writerows((text, labels.get(label, label)) for text, label in rows)


SURNAMES, GIVEN, TOWNS = "王李张刘陈杨赵黄", "建国伟明秀英志强文华海燕丽军", "京津沪宁杭穗渝蓉"
TITLES = ("记者", "医生", "教师", "演员", "画家", "队长")
DONE = ("访问", "描写", "修理", "参观", "测量", "记得", "喜欢", "离开")
SEEN = ("港口", "博物馆", "车站", "图书馆", "花园", "市场", "大桥", "学校")


def write_tagged(path: Path, source: dict[str, Any]) -> None:
    """Sentences of words with tags, among them names of persons and places; or articles of such."""
    if source.get("group") == "article":
        return write_paper(path, source)
    draw = random.Random(path.name)

    def sentence() -> str:
        who = f"{draw.choice(TITLES)}/n {draw.choice(SURNAMES)}/nr {''.join(draw.sample(GIVEN, 2))}/nr"
        where = f"在/p {draw.choice(TOWNS)}{draw.choice('州城县')}/ns"
        return f"{who} {where} {draw.choice(DONE)}/v {draw.randrange(900)}/m 座/q {draw.choice(SEEN)}/n 。/w"

    path.write_text("".join(f"{sentence()} {sentence()}\n" for _ in range(200)), "utf-8")


def strings(draw: random.Random) -> dict[str, str]:
    """English texts and what they are in Chinese."""
    return {
        f"{do} the {place} of {{{number}}}": f"{name}{{{number}}}的{place}"
        for do, name in (("Open", "打开"), ("Close", "关闭"), ("Find", "查找"))
        for place in PLACES
        for number in draw.sample(range(900), 6)
    }


def write_catalog(path: Path, source: dict[str, Any]) -> None:
    """A catalogue of Jupyter."""
    found = {text: [target] for text, target in strings(random.Random(path.name)).items()}
    path.write_text(json.dumps({"": {"domain": "jupyterlab"}, **found}), "utf-8")


def write_po(path: Path, source: dict[str, Any]) -> None:
    """A catalogue of gettext."""
    entries = (f'msgid "{text}"\nmsgstr "{target}"\n' for text, target in strings(random.Random(2)).items())
    path.write_text("\n".join(entries), "utf-8")


def write_paper(path: Path, source: dict[str, Any]) -> None:
    """Articles of a newspaper, a tagged line after the other: headline, dateline, body."""
    draw = random.Random(path.name)

    def tagged(text: str, end: str) -> str:
        return "  ".join([*(f"{sign}/n" for sign in text), *([f"{end}/w"] if end else [])])

    lines = []
    for _ in range(120):
        headline = "".join(draw.choices("东西南北大小新旧天地江海", k=8))
        body = "".join(draw.choices("春夏秋冬风雨山河人民城市", k=30))
        dateline = "据/p  新华社/nt  北京/ns  １月/t  ３日/t  电/n"
        lines += [tagged(headline, ""), f"{dateline}  {tagged(headline, '。')}", tagged(body, "。")]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def write_messages(path: Path, source: dict[str, Any]) -> None:
    """Conversations of two turns each way, short enough for the small models here."""
    draw = random.Random(path.name)

    def turns() -> list[dict[str, str]]:
        asked = f"{draw.choice(PLACES)} {draw.randrange(900)}?"
        return [{"role": "user", "content": asked}, {"role": "assistant", "content": draw.choice(PEOPLE)}]

    path.write_text(
        "".join(json.dumps({"messages": [*turns(), *turns()]}) + "\n" for _ in range(160)), "utf-8"
    )


def write_cloze(path: Path, source: dict[str, Any]) -> None:
    """Articles of words with tags, a title and sentences that share two nouns."""
    draw = random.Random(path.name)

    def sentence(who: str, where: str) -> str:
        deed = "".join(draw.choices("看来去说做", k=5))
        return f"{who}/n {deed}/v {where}/n 。/w"

    articles = []
    for _ in range(150):
        who, where = ("".join(draw.sample("山河湖海城乡风云", 2)) for _ in range(2))
        title = sentence(who, where).removesuffix(" 。/w")
        articles.append(f"{title}\n{' '.join(sentence(who, where) for _ in range(5))}\n")
    path.write_text("".join(articles), "utf-8")


def write_programs(path: Path, source: dict[str, Any]) -> None:
    """Programs of functions, one a file, in folders of their own."""
    draw = random.Random(path.parent.name)
    for number in range(60):
        lines = ["import math", ""]
        for name in draw.sample(PLACES, 3):
            lines += [f"def {name}(count):", f'    """{page(draw, 1)}"""', "    total = 0"]
            lines += ["    for number in range(count):", f"        total += number * {draw.randint(2, 99)}"]
            lines += [f"    return math.sqrt(total + {draw.randint(2, 99)})", "", ""]
        program = path.parent / f"part{number % 12}" / f"module{number}.py"
        program.parent.mkdir(exist_ok=True)
        program.write_text("\n".join(lines), "utf-8")


def write_preferences(path: Path, source: dict[str, Any]) -> None:
    """Two answers to a question, short enough for the small models here."""
    draw = random.Random(path.name)

    def pair() -> dict[str, str]:
        chosen, rejected = draw.sample(PEOPLE, 2)
        return {
            "prompt": f"{draw.choice(PLACES)} {draw.randrange(900)}?",
            "chosen": chosen,
            "rejected": rejected,
        }

    path.write_text("".join(json.dumps(pair()) + "\n" for _ in range(160)), "utf-8")


WRITERS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "cloze": write_cloze,
    "file": write_programs,
    "txt": write_txt,
    "jsonl": write_jsonl,
    "csv": write_csv,
    "tagged": write_tagged,
    "catalog": write_catalog,
    "po": write_po,
    "articles": write_paper,
    "messages": write_messages,
    "preferences": write_preferences,
}


def renamed(params: dict[str, Any]) -> dict[str, Any]:
    """The same settings with every name in them changed, where it is given and where it is meant."""

    def new(name: str) -> str:
        return f"my-{name}-2"

    def path(name: str) -> str:
        folder, _, last = name.rpartition("/")
        return f"{folder}/{new(last)}" if folder in ("data/models", "data/sources") else name

    for group in ("sources", "tokenize", "pretrain", "finetune", "evaluate", "register"):
        params[group] = {new(name): entry for name, entry in params[group].items()}
    for entry in params["tokenize"].values():
        entry["sources"] = [new(name) for name in entry["sources"]]
    for entry in params["pretrain"].values():
        entry.update(tokenizer=new(entry["tokenizer"]), init_from=path(entry["init_from"]))
    for entry in params["finetune"].values():
        names = entry["source"]
        entry["source"] = new(names) if isinstance(names, str) else [new(name) for name in names]
        entry["init_from"] = path(entry["init_from"])
    for entry in params["evaluate"].values():
        for group in ("choices", "embeddings"):
            entries = {new(name): asked for name, asked in entry.pop(group, {}).items()}
            for asked in entries.values():
                asked.update({key: new(asked[key]) for key in ("source",) if key in asked})
            entry.update({group: entries} if entries else {})
    for entry in params["register"].values():
        entry["name"] = new(entry["name"])
    return params


def made_small(params: dict[str, Any]) -> dict[str, Any]:
    """The same settings with budgets of seconds."""
    for entry in params["tokenize"].values():
        entry["vocab_size"] = 400
    for entry in params["pretrain"].values():
        entry.update(layers=1, width=32, heads=2, context=32, tokens=3200, batch_rows=4)
    for entry in params["finetune"].values():
        entry.update(epochs=1, batch_size=16, max_tokens=32)
        if "max_target_tokens" in entry:
            entry.update(max_tokens=16, max_target_tokens=16)  # a decoder's context holds both
    for entry in params["evaluate"].values():
        if "max_new_tokens" in entry:
            entry["max_new_tokens"] = 4
        if "code" in entry:
            entry["code"] = {"lines": 20, "functions": 5, "max_new_tokens": 12}
        for asked in entry.get("choices", {}).values():
            asked.update({"shots": [0, 1], "draws": 1, "items": 8} if "shots" in asked else {})
            asked.update({"templates": ["{text}: {label}"]} if "templates" in asked else {})
    params["clean"]["split"] = {"validation": 0.2, "test": 0.2}
    params["runtime"] = {"threads": 1, "workers": 1}
    return params


def write_params(folder: Path, params: dict[str, Any]) -> None:
    """The project's params.yaml."""
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(params, file)


def start(folder: Path, example: str) -> dict[str, Any]:
    """A project from an example as `tokenmill init` makes it, changed, with text below data/sources."""
    init(ROOT, folder, example)
    content = YAML(typ="safe", pure=True).load((folder / "params.yaml").read_text("utf-8"))
    params: dict[str, Any] = made_small(renamed(content))
    for source in params["sources"].values():  # packages need not be there
        if source.pop("package", None):
            source["kind"] = "files"
    write_params(folder, params)
    for source in params["sources"].values():
        for glob in source["paths"]:
            path = folder / "data/sources" / glob.replace("**/*", "all").rstrip("*")
            path.parent.mkdir(parents=True, exist_ok=True)
            WRITERS[source["format"]](path, source)
    for entry in params["evaluate"].values():
        for asked in entry.get("choices", {}).values():
            if "file" in asked:
                question = {"query": "The baker", "choices": ["visited", "repaired"], "gold": 0}
                (folder / asked["file"]).write_text(f"{json.dumps(question)}\n" * 2, "utf-8")
    downloaded = {entry["init_from"] for entry in params["finetune"].values()}
    for model in sorted(name for name in downloaded if name.startswith("data/sources/")):
        draw = random.Random(4)
        write_bert(folder / model, [page(draw, 2) for _ in range(100)])
    return params


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path) -> Path:
    """Where a project is to begin; what runs in this process takes it for the project."""
    folder = tmp_path / "mine"
    monkeypatch.delenv("MLFLOW_RUN_CONTEXT", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@localhost")
    shutil.copyfile(migrated_store, tmp_path / "mlflow.db")
    return folder


def run_all(folder: Path, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What `dvc repro` does, in this process, and what must come of it."""
    monkeypatch.chdir(folder)
    nodes = Graph(folder).plan()
    for node in nodes:
        run_stage(node.name, monkeypatch)
    check(folder, params, nodes)


def run_stage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `python -m stages.NAME` does, in this process."""
    stage, _, entry = name.partition("@")
    monkeypatch.setattr(sys, "argv", [f"stages.{stage}", *([entry] if entry else [])])
    importlib.import_module(f"stages.{stage}").main()


def check(folder: Path, params: dict[str, Any], nodes: Sequence[Node]) -> None:
    """Every entry is a stage, every stage wrote what it promises, and names come through to the end."""
    names = {node.name for node in nodes}
    for group in ("tokenize", "pretrain", "finetune", "evaluate"):
        assert {name for name in names if name.startswith(f"{group}@")} == {
            f"{group}@{entry}" for entry in params[group]
        }
    for node in nodes:
        assert [out for out in node.outs if not (folder / out).exists()] == [], node.name
    report = (folder / "data/report/report.html").read_text("utf-8")
    for name in params["evaluate"]:
        assert name in report
        assert json.loads((folder / f"data/evaluation/{name}/figures.json").read_text("utf-8"))["figures"]
        assert (folder / f"data/report/cards/{name}.md").exists()
    registry = (folder / "data/registry.json").read_text("utf-8")
    for name, entry in params["register"].items():
        assert name in registry and entry["name"] in registry


@pytest.mark.timeout(600)
@pytest.mark.parametrize("example", [name for name in EXAMPLES if name != THROUGH_DVC])
def test_an_example_runs_to_its_end(example: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all(folder, start(folder, example), monkeypatch)


@pytest.mark.timeout(600)
def test_pretraining_goes_on_from_a_downloaded_model_with_its_tokenizer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain of three: downloaded, pretrained on, fine-tuned."""
    params = start(folder, "downloaded-bert")
    (source,), (task,) = params["sources"], params["finetune"].values()
    downloaded, task["init_from"] = task["init_from"], "data/models/more"
    params["tokenize"] = {"theirs": {"sources": [source], "from_pretrained": downloaded}}
    params["pretrain"] = {
        "more": {
            "tokenizer": "theirs",
            "init_from": downloaded,
            "objective": "masked",
            "context": 32,
            "tokens": 3200,
            "batch_rows": 4,
            "learning_rate": 0.002,
            "seed": 1,
        }
    }
    params["evaluate"]["more"] = {}
    write_params(folder, params)
    run_all(folder, params, monkeypatch)


@pytest.mark.timeout(900)
def test_an_example_runs_through_dvc(folder: Path) -> None:
    params = start(folder, THROUGH_DVC)
    bin_ = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    env.pop("DVC_ROOT")
    env["PYTHONPATH"] = str(folder)  # its own copy of the code, not the one under test
    done = subprocess.run([bin_ / "dvc", "repro"], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    check(folder, params, Graph(folder).plan())
    status = subprocess.run([bin_ / "dvc", "status"], cwd=folder, env=env, capture_output=True, text=True)
    assert "up to date" in status.stdout
