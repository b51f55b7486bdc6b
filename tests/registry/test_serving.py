"""Registered models answer: loaded without pickle and without this project, and through MLflow's server."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

import tokenmill
from tests.registry.helpers import METRICS, SETTINGS, run_stage
from tests.servers import free_port, running, with_our_programs
from tokenmill.core.normalization import Normalization, write_normalization
from tokenmill.inference.classify import classify
from tokenmill.inference.generation.generate import generate
from tokenmill.jobs.tracking.store import ENVIRONMENT, tracking_uri
from tokenmill.model.folder import load_model
from tokenmill.registry.settings import RegisteredModel
from tokenmill.registry.sync import sync

SAMPLING = {"max_new_tokens": 8, "temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 3}


def environment() -> dict[str, str]:
    """For a process that knows MLflow's store and nothing else of ours."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DVC_ROOT")}
    own = {"MLFLOW_TRACKING_URI": tracking_uri(), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    return with_our_programs({**kept, **ENVIRONMENT, **own})


def expected_labels(project: Path, texts: list[str]) -> list[dict[str, Any]]:
    model: Any
    model, tokenizer = load_model(project / "data/models/mood")
    rows = classify(model, tokenizer, texts)
    labels = model.config.labels
    return [
        {"label": labels[row.argmax()], "probability": pytest.approx(row.max(), abs=1e-5)} for row in rows
    ]


def expected_texts(project: Path, prompts: list[str]) -> list[dict[str, str]]:
    model: Any
    model, tokenizer = load_model(project / "data/models/scribe")
    sampling: dict[str, Any] = SAMPLING
    return [{"text": texts[0]} for texts in generate(model, tokenizer, prompts, **sampling)]


LOAD = """
import json, sys
import mlflow, pandas
name, column, params = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
result = model.predict(pandas.DataFrame({column: ["很好", "bad"]}), params=params)
import tokenmill
print(json.dumps({"rows": result.to_dict("records"), "code": tokenmill.__file__}))
"""


def test_a_model_loads_with_its_own_code_and_without_pickle(registered: Path, tmp_path: Path) -> None:
    sync()
    command = [sys.executable, "-c", LOAD, "our-scribe", "prompt", json.dumps(SAMPLING)]
    done = subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "hint" not in done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["rows"] == expected_texts(registered, ["很好", "bad"])
    assert Path(answer["code"]).is_relative_to(registered / "mlruns"), (
        "the model brings the code that it was made with"
    )


def test_every_kind_that_can_be_registered_answers(
    registered: Path, make_model: Callable[..., Path], write_evaluation: Callable[..., None]
) -> None:
    settings = dict(SETTINGS)
    for name in ("gaps", "replies", "speech", "names", "finder"):
        make_model(name)
        write_evaluation(name, 0.5)
        settings[name] = RegisteredModel(name=f"our-{name}", metric=METRICS[name], better="higher")
    run_stage(settings)
    sync()
    gaps = mlflow.pyfunc.load_model("models:/our-gaps@champion")
    (filled,) = gaps.predict(pd.DataFrame({"text": ["a<mask>b"]}))["text"]
    assert filled.startswith("a") and filled.endswith("b") and "<mask>" not in filled
    with pytest.raises(MlflowException, match="text 1 has no gap"):
        gaps.predict(pd.DataFrame({"text": ["ab"]}))
    finder = mlflow.pyfunc.load_model("models:/our-finder@champion")
    asked = pd.DataFrame({"question": ["谁", "谁"], "passage": ["我喜欢", " 看书。"]})
    for (_, row), passage in zip(finder.predict(asked).iterrows(), asked["passage"], strict=True):
        assert row["answer"] == passage[row["begin"] : row["end"]] and 0 < row["score"] <= 1
    with pytest.raises(MlflowException, match="passage 1 is empty"):
        finder.predict(pd.DataFrame({"question": ["谁"], "passage": [" "]}))
    replies = mlflow.pyfunc.load_model("models:/our-replies@champion")
    assert len(replies.predict(pd.DataFrame({"prompt": ["很好"]}), params={"max_new_tokens": 3})["text"]) == 1
    for name in ("speech", "names"):
        tagger = mlflow.pyfunc.load_model(f"models:/our-{name}@champion")
        text = "很好 ab"
        (spans,) = tagger.predict(pd.DataFrame({"text": [text]}))["spans"]
        folder = registered / "data/models" / name
        assert [tuple(span.values()) for span in spans] == [
            (text[span.start : span.end], span.label, span.start, span.end, span.probability)
            for span in tokenmill.tag(folder, text)[0]
        ]


def test_what_is_sent_is_normalised_as_training_texts_were(
    project: Path, make_model: Callable[..., Path]
) -> None:
    from tokenmill.registry.package import environment as needed
    from tokenmill.registry.serving import Model

    folder = make_model("mood")
    write_normalization(folder, Normalization(remove_html=True, simplify_chinese=True, replace_pii=True))
    model = Model()
    model.load_context(SimpleNamespace(artifacts={"model": str(folder)}))
    texts = ["<b>很ＯＫ</b>，電話13812345678", "很OK，电话[PHONE]"]
    sent, normal = model.predict(None, pd.DataFrame({"text": texts})).to_dict("records")
    assert sent == normal
    assert any(line.startswith("opencc==") for line in needed(folder)["dependencies"][-1]["pip"])


def test_nothing_in_a_package_is_a_pickle(registered: Path) -> None:
    sync()
    suffixes = {path.suffix for path in (registered / "mlruns").rglob("*") if path.is_file()}
    assert suffixes == {
        ".py",
        ".json",
        ".safetensors",
        ".yaml",
        ".txt",
        ".md",
        ".j2",
        ".pyi",
        ".typed",
        "",
    } | {".html", ".css", ".js"}
    bare = {path.name for path in (registered / "mlruns").rglob("*") if path.is_file() and not path.suffix}
    assert bare == {"MLmodel"}


@contextmanager
def served(name: str, log: Path) -> Iterator[str]:
    """MLflow's server for one model; gives its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}@champion",
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with running(command, ready=f"{url}/ping", log=log, environment=environment()):
        yield url


def ask(url: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{url}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.slow
def test_mlflow_serves_the_classifier_and_the_generator(registered: Path) -> None:
    sync()
    with (
        served("our-mood", registered / "classifier.log") as classifier,
        served("our-scribe", registered / "generator.log") as generator,
    ):
        texts = ["这本书很好", "terrible", ""]
        status, answer = ask(
            classifier, {"dataframe_split": {"columns": ["text"], "data": [[t] for t in texts]}}
        )
        assert (status, answer) == (200, {"predictions": expected_labels(registered, texts)})
        assert ask(classifier, {"inputs": {"text": texts}}) == (status, answer)

        prompts = ["中国", "the"]
        body = {"inputs": {"prompt": prompts}, "params": SAMPLING}
        assert ask(generator, body) == (200, {"predictions": expected_texts(registered, prompts)})

        status, answer = ask(generator, {"inputs": {"prompt": ["x"]}, "params": {"max_new_tokens": 1000}})
        assert status == 400
        assert "the model's context is 64" in answer["message"]
        rows = {"dataframe_split": {"columns": ["text"], "data": [["a"], [None]]}}
        refused = {"error_code": "INVALID_PARAMETER_VALUE", "message": "text: row 1 must be text, got null"}
        assert ask(classifier, rows) == (400, refused)
        for name in ("temperature", "max_new_tokens", "seed"):
            for value in (float("nan"), float("inf"), None):
                body = {"inputs": {"prompt": ["x"]}, "params": {name: value}}
                status, answer = ask(generator, body)
                assert status == 400 and name in answer["message"]
                assert "stack_trace" not in answer and "Traceback" not in str(answer)
    for url in (classifier, generator):
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{url}/ping", timeout=5)
