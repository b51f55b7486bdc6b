"""The commands that use models, on tiny ones written here."""

import io
import json
import sys
from pathlib import Path

import pytest

from tokenmill.cli.main import main


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind, weights random."""
    from tests.tiny_models import write_model

    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "gpt")
    write_model(folder / "t5", "text-to-text")
    write_model(folder / "bert", "masked-lm")
    write_model(folder / "lstm", family="lstm")
    write_model(folder / "sentiment", "sequence-classifier")
    write_model(folder / "speech", "token-classifier")
    write_model(folder / "ner", "character-classifier")
    write_model(folder / "reader", "span-extractor")
    broken = write_model(folder / "broken") / "model.safetensors"
    broken.write_bytes(broken.read_bytes()[:1000])
    (write_model(folder / "empty") / "model.safetensors").unlink()
    return folder


class Terminal(io.StringIO):
    """Looks like a terminal, and remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["tokenmill", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_generate_continues_prompts(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpt = str(models / "gpt")
    arguments = ("generate", gpt, "我", "a", "--max-new-tokens", "5", "--num-return-sequences", "2", "--json")
    assert run(monkeypatch, *arguments, "--seed", "3") == 0
    first = rows(capsys)
    assert [row["prompt"] for row in first] == ["我", "我", "a", "a"]
    assert run(monkeypatch, *arguments, "--seed", "3") == 0
    assert rows(capsys) == first
    assert run(monkeypatch, *arguments, "--seed", "4") == 0
    assert rows(capsys) != first


def test_generate_reads_lines_takes_every_setting_and_prints_the_prompt_too(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpt = str(models / "gpt")
    settings = [
        "--max-new-tokens",
        "4",
        "--temperature",
        "0.7",
        "--top-k",
        "9",
        "--top-p",
        "0.9",
        "--min-p",
        "0.01",
        "--repetition-penalty",
        "1.2",
    ]
    assert (
        run(
            monkeypatch,
            "generate",
            gpt,
            *settings,
            "--stop",
            "。",
            "--stop",
            "x",
            "--json",
            stdin="我\n\na\n",
        )
        == 0
    )
    found = rows(capsys)
    assert [row["prompt"] for row in found] == ["我", "a"]
    assert not any(stop in str(row["text"]) for row in found for stop in "。x")
    beams = ["--max-new-tokens", "4", "--num-beams", "3", "--length-penalty", "0.5"]
    assert run(monkeypatch, "generate", gpt, "我", *beams) == 0
    assert capsys.readouterr().out.startswith("我")
    assert run(monkeypatch, "generate", str(models / "t5"), "我喜欢", *beams) == 0
    assert not capsys.readouterr().out.startswith("我喜欢")


def test_generate_streams_to_a_terminal_what_it_prints_elsewhere(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("generate", str(models / "gpt"), "我喜欢", "--max-new-tokens", "20")
    assert run(monkeypatch, *arguments) == 0
    whole = capsys.readouterr().out
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(monkeypatch, *arguments) == 0
    assert terminal.getvalue() == whole
    assert len([text for text in terminal.writes if text]) > 5


def test_fill(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bert", "t5"):
        arguments = ("fill", str(models / name), "我<mask>电影", "--top-k", "3")
        assert run(monkeypatch, *arguments) == 0
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [line[0] for line in lines] == ["1"] * 3 and {line[-1] for line in lines} == {"我<mask>电影"}
        assert run(monkeypatch, *arguments, "--json") == 0
        (row,) = rows(capsys)
        ((*gap,),) = row["gaps"]  # type: ignore[misc]
        assert [f"{c['probability']:.3f}" for c in gap] == [line[1] for line in lines]


def test_score(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, more in (("gpt", ()), ("bert", ()), ("t5", ("--source", "我"))):
        assert run(monkeypatch, "score", str(models / name), "我喜欢", "a", *more, "--json") == 0
        found = rows(capsys)
        for row in found:
            tokens = row["tokens"]
            assert isinstance(tokens, list)
            assert row["log_probability"] == pytest.approx(
                sum(t["log_probability"] for t in tokens), abs=1e-4
            )
        assert run(monkeypatch, "score", str(models / name), *more, stdin="我喜欢\na\n") == 0
        lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert [line[2] for line in lines] == ["我喜欢", "a"]
        assert [float(line[0]) for line in lines] == pytest.approx(
            [row["log_probability"] for row in found], abs=1e-3
        )


def test_choose_ranks_candidates(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("choose", str(models / "gpt"), "--before", "我喜欢", "--after", "。", "看电影", "听音乐")
    assert run(monkeypatch, *arguments, "--json") == 0
    first, second = rows(capsys)
    assert {first["text"], second["text"]} == {"看电影", "听音乐"} and first["score"] >= second["score"]
    assert run(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{first['score']:.3f}\t{first['text']}"
    assert run(monkeypatch, "choose", str(models / "gpt"), "a") == 1
    assert "give at least two candidates, got 1" in capsys.readouterr().err


def test_embed(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("embed", str(models / "bert"), "我喜欢", "--pooling", "first", "--normalise")
    assert run(monkeypatch, *arguments, "--json") == 0
    (row,) = rows(capsys)
    vector = row["vector"]
    assert isinstance(vector, list) and sum(x * x for x in vector) == pytest.approx(1, abs=1e-5)
    assert run(monkeypatch, *arguments) == 0
    numbers, text = capsys.readouterr().out.rstrip("\n").split("\t")
    assert text == "我喜欢"
    assert [float(number) for number in numbers.split()] == pytest.approx(vector, abs=1e-5)


def test_classify_texts_and_lines(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(models / "sentiment")
    assert run(monkeypatch, "classify", folder, "好书", "坏书", "--json") == 0
    found = rows(capsys)
    assert [row["text"] for row in found] == ["好书", "坏书"]
    for row in found:
        shares = row["probabilities"]
        assert isinstance(shares, dict) and set(shares) == {"negative", "positive"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(shares, key=lambda name: shares[name])
    assert run(monkeypatch, "classify", folder, stdin="好书\n\n坏书\n") == 0
    assert [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()] == ["好书", "坏书"]


def test_classify_says_what_moved_the_decision(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(models / "sentiment")
    assert run(monkeypatch, "classify", folder, "我喜欢 books", "--explain", "--json") == 0
    (row,) = rows(capsys)
    parts = row["influences"]
    assert isinstance(parts, list)
    assert "".join("我喜欢 books"[part["start"] : part["end"]] for part in parts) == "我喜欢 books"
    assert run(monkeypatch, "classify", folder, "我喜欢 books", "--explain") == 0
    _, _, text = capsys.readouterr().out.rstrip("\n").split("\t")
    assert text.translate(dict.fromkeys(map(ord, "[]{}"))) == "我喜欢 books" and set(text) & set("[{")


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_classify_by_the_problem_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    from tests.tiny_models import write_model

    labels = ("value",) if problem == "regression" else ("a", "b", "c")
    folder = str(write_model(tmp_path / "model", "sequence-classifier", problem_type=problem, labels=labels))
    assert run(monkeypatch, "classify", folder, "好书", "--json") == 0
    (row,) = rows(capsys)
    assert run(monkeypatch, "classify", folder, "好书") == 0
    first, *more = capsys.readouterr().out.rstrip("\n").split("\t")
    if problem == "regression":
        assert set(row) == {"text", "value"} and more == ["好书"]
        assert float(first) == pytest.approx(row["value"], abs=1e-3)
    else:
        probabilities = row["probabilities"]
        assert isinstance(probabilities, dict)
        fit = [label for label, value in probabilities.items() if value >= 0.5]
        assert row["labels"] == fit and first == ", ".join(fit)


@pytest.mark.parametrize("kind", ["speech", "ner"])
def test_tag(
    models: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "我a 江泽民"
    assert run(monkeypatch, "tag", str(models / kind), text, "--json") == 0
    (row,) = rows(capsys)
    spans = row["spans"]
    assert row["text"] == text and isinstance(spans, list) and spans
    for span in spans:
        assert span["text"] == text[span["start"] : span["end"]] and 0 <= span["probability"] <= 1
    assert run(monkeypatch, "tag", str(models / kind), text) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], int(line[2]), int(line[3])) for line in lines] == [
        (span["label"], span["start"], span["end"]) for span in spans
    ]


def test_answer(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    passage = "我喜欢看书"
    arguments = ("answer", str(models / "reader"), "--question", "谁", "--top-k", "2", "--max-tokens", "3")
    assert run(monkeypatch, *arguments, passage, "books", "--json") == 0
    found = rows(capsys)
    assert [row["passage"] for row in found] == [passage, "books"] and len(found[0]) == 5
    for row in found:
        answers = row["answers"]
        assert isinstance(answers, list) and isinstance(row["passage"], str) and len(answers) == 2
        assert all(each["text"] == row["passage"][each["begin"] : each["end"]] for each in answers)
        likelier = isinstance(row["no_answer"], float) and row["no_answer"] > answers[0]["score"]
        assert row["answer"] == ("" if likelier else answers[0]["text"])
    assert run(monkeypatch, *arguments, stdin=f"{passage}\n") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    first = found[0]["answers"]
    assert isinstance(first, list)
    assert [line[1:] for line in lines[-2:]] == [[f"{a['begin']}-{a['end']}", a["text"]] for a in first]
    assert [line[1:] for line in lines[:-2]] == ([["", "(no answer)"]] if found[0]["answer"] == "" else [])


def test_export_and_import(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "export", str(models / "gpt"), str(tmp_path / "out")) == 0
    assert 'pipeline("text-generation"' in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "import", "out", "mine") == 0
    assert "data/models/mine: written, a small-gpt model, causal-lm" in capsys.readouterr().out
    text = ("--max-new-tokens", "4", "--temperature", "0")
    assert run(monkeypatch, "generate", "data/models/mine", "我", *text) == 0
    found = capsys.readouterr().out
    assert run(monkeypatch, "generate", str(models / "gpt"), "我", *text) == 0
    assert capsys.readouterr().out == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("generate", "no/such/folder", "x"), "no/such/folder: no such folder"),
        (("generate", "{}", "x"), "config.json is missing"),
        (("generate", "{}/sentiment", "x"), "sequence-classifier"),
        (("generate", "{}/gpt"), "no text given"),
        (("generate", "{}/gpt", "q" * 200), "context"),
        (("generate", "{}/broken", "x"), "model.safetensors: broken"),
        (("generate", "{}/empty", "x"), "model.safetensors: missing"),
        (("fill", "{}/gpt", "x"), "causal-lm"),
        (("fill", "{}/bert", "x"), "no gap"),
        (("score", "{}/sentiment", "x"), "sequence-classifier"),
        (("classify", "{}/gpt", "x"), "causal-lm"),
        (("classify", "{}/sentiment"), "no text given"),
        (("export", "{}/lstm", "{}/new"), "no class"),
        (("export", "{}/gpt", "{}/bert"), "is there already"),
        (("import", "{}/nothing", "{}/new"), "no such folder"),
        # what is no text
        (("classify", "{}/sentiment", "good", "\udcb7\udcbf"), "text 2 is not UTF-8 at character 1"),
        (("generate", "{}/gpt", "\udcb7"), "prompt 1 is not UTF-8"),
        (("fill", "{}/bert", "a\udcb7"), "text 1 is not UTF-8 at character 2"),
        (("score", "{}/t5", "a", "--source", "\udcb7"), "source 1 is not UTF-8"),
        (("embed", "{}/bert", "\udcb7"), "text 1 is not UTF-8"),
        (("tag", "{}/ner", "\udcb7"), "text 1 is not UTF-8"),
        (("tag", "{}/sentiment", "x"), "this model is a sequence-classifier; give a token-classifier"),
        # numbers that cannot be computed with, or have no end
        (
            ("generate", "{}/gpt", "x", "--temperature", "inf"),
            "temperature must be 0 (greedy), or from 0.001",
        ),
        (("generate", "{}/gpt", "x", "--temperature", "1e-320"), "temperature must be 0 (greedy), or from"),
        (("generate", "{}/gpt", "x", "--repetition-penalty", "nan"), "repetition_penalty must be from 0.01"),
        (("generate", "{}/gpt", "x", "--length-penalty", "1e308"), "length_penalty must be from -10 to 10"),
        (
            ("generate", "{}/gpt", "x", "--num-return-sequences", "1000000"),
            "num_return_sequences must be from 1",
        ),
        (("generate", "{}/gpt", "x", "--num-beams", "100000"), "num_beams must be from 1 to 1000"),
        (("generate", "{}/gpt", "x", "--seed", "9" * 30), "seed must be from 0"),
        (("fill", "{}/t5", "a<mask>", "--top-k", "501"), "top_k must be at most 500"),
        # places
        (("export", "{}/gpt", "/dev/null/x"), "/dev/null"),
        (("export", "{}/gpt", "{}/" + "x" * 300), "File name too long; name another place"),
        (("generate", "no\nsuch\x1b[31m", "x"), r"no\nsuch\x1b[31m: no such folder"),
        (("generate", "models:/gpt/" + "9" * 30, "x"), "not an address of a model"),
    ],
    ids=str,
)
def test_mistakes_cost_one_line(
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(monkeypatch, *(a.format(models) for a in arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ") and message in line


def test_commands_of_the_pipeline_want_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("results", "plan", "register", "doctor"):
        assert run(monkeypatch, command) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "no project here (dvc.yaml and stages/ are missing)" in line


def test_what_is_not_installed_costs_one_line(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert run(monkeypatch, "generate", "models:/gpt@champion", "x") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: mlflow is not installed; `pip install 'tokenmill[pipeline]'` brings it"


def test_wrong_usage_exits_with_2(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (("generate", str(models / "gpt"), "x", "--top-k", "0"), "Invalid value for '--top-k'"),
        (("generate", str(models / "gpt"), "x", "--temperature", "nan"), "Invalid value for '--temperature'"),
        (("generate", str(models / "gpt"), "x", "--top-k", "9" * 5000), "Invalid value for '--top-k'"),
        (("promote", "gpt", "9" * 30), "Invalid value for 'version'"),
        (("generate",), "Missing argument 'model'; see `"),
        (("no-such\ncommand",), r"No such command 'no-such\ncommand'; see `"),
    ):
        assert run(monkeypatch, *arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {message}") and line.endswith(" --help`")


def test_stdin_is_answered_as_it_is_read(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many lines there are: a few at a time are held, and a mistake follows the answers before it."""
    monkeypatch.setattr("tokenmill.cli.models.LINES_AT_ONCE", 2)
    lines = ["我", "", "a", "b", "c", "q" * 200]
    assert run(monkeypatch, "score", str(models / "gpt"), stdin="\n".join(lines)) == 1
    captured = capsys.readouterr()
    assert [line.split("\t")[2] for line in captured.out.splitlines()] == ["我", "a", "b", "c"]
    assert captured.err.startswith("error: after 4 texts: text 1 has 200 tokens, the model's context is 32")
    monkeypatch.setattr("tokenmill.cli.models.LONGEST_LINE", 10)
    assert run(monkeypatch, "score", str(models / "gpt"), stdin="a\n" + "0" * 1000) == 1
    assert "line 2 of stdin has more than 10 characters" in capsys.readouterr().err


def test_stdin_that_is_not_utf_8(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "a\n房间\n".encode("gbk")
    monkeypatch.setattr(sys, "argv", ["tokenmill", "classify", str(models / "sentiment")])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "latin-1"))
    with pytest.raises(SystemExit):
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: text 2 is not UTF-8 at character 1; convert it")
