"""Whatever is asked of a served model: an answer, or one sentence that says why not.

It is asked in MLflow's own application. More by hand: ``HYPOTHESIS_PROFILE=long pytest --timeout 0``.
"""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.models import Model
from mlflow.pyfunc import scoring_server

from tests.registry.helpers import KINDS
from tokenmill.registry.package import save_package
from tokenmill.registry.serving import SAMPLING

CONTEXT = 64
"""Of the models of these tests, in tokens."""

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(project: Path, make_model: Callable[..., Path]) -> Iterator[Ask]:
    """Ask a model by its name; gives the status and the answer's JSON."""
    clients: dict[str, TestClient] = {}

    def start(name: str) -> TestClient:
        save_package(project / name, make_model(name), KINDS[name], "# card", Model())
        model = mlflow.pyfunc.load_model(str(project / name))
        return TestClient(scoring_server.init(model), raise_server_exceptions=False)

    def send(name: str, body: Any) -> tuple[int, Any]:
        if name not in clients:
            clients[name] = start(name)
        content = body if isinstance(body, bytes) else json.dumps(body)
        sent = clients[name].post(
            "/invocations", content=content, headers={"content-type": "application/json"}
        )
        return sent.status_code, sent.json()

    yield send


@pytest.mark.parametrize("name", SAMPLING)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "null", "1e400", "-1", '"x"', "[1]", "{}"])
def test_a_parameter_that_is_no_number_of_its_kind(ask: Ask, name: str, value: str) -> None:
    body = f'{{"inputs": {{"prompt": ["ab"]}}, "params": {{"{name}": {value}}}}}'
    status, answer = ask("scribe", body.encode())
    if value == "null" and name in ("top_k", "top_p"):
        assert status == 200  # no limit
        return
    assert status == 400 and set(answer) <= {"error_code", "message", "sqlstate", "error_class"}
    assert name in answer["message"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("temperature", math.nan, "temperature must be a finite number, got NaN"),
        ("temperature", None, "temperature must be a finite number, got null"),
        ("seed", None, "seed must be a finite number, got null"),
        ("temperature", 1e-320, "temperature must be "),
        ("temperature", 1e308, "temperature must be "),
        ("max_new_tokens", -(10**400), "max_new_tokens must be "),
        ("max_new_tokens", 0, "max_new_tokens must be "),
        ("top_p", 1.5, "top_p must be "),
    ],
    ids=lambda value: str(value)[:12],
)
def test_the_answer_is_one_sentence(ask: Ask, name: str, value: Any, sentence: str) -> None:
    asked = {"inputs": {"prompt": ["a" * 50]}, "params": {"max_new_tokens": 2, name: value}}
    status, answer = ask("scribe", asked)
    assert (status, set(answer), answer["error_code"]) == (
        400, {"error_code", "message"}, "INVALID_PARAMETER_VALUE"
    )  # fmt: skip
    assert answer["message"].startswith(sentence) and len(answer["message"]) <= 1000


def test_a_long_text_is_not_sent_back(ask: Ask) -> None:
    status, answer = ask("scribe", {"inputs": {"prompt": ["secret " * 10_000]}})
    assert status == 400 and "the model's context is 64" in answer["message"]
    assert "secret" not in str(answer) and len(str(answer)) < 500
    status, answer = ask("gaps", {"inputs": {"text": ["no gap " * 10_000]}})
    assert status == 400 and len(str(answer)) < 1500


@pytest.mark.parametrize(
    ("row", "got"), [(None, "null"), (1, "int"), (["a"], "list"), ({"a": 1}, "dict"), (True, "bool")]
)
def test_a_row_that_is_no_text_is_named(ask: Ask, row: Any, got: str) -> None:
    answer: Any
    for column in ("question", "passage"):
        asked = {"question": "a", "passage": "ab", column: row}
        status, answer = ask("finder", {"dataframe_records": [{"question": "a", "passage": "ab"}, asked]})
        assert status == 400 and answer["message"].endswith(f"{column}: row 1 must be text, got {got}")
    for name, column in (("mood", "text"), ("gaps", "text"), ("scribe", "prompt")):
        status, answer = ask(name, {"dataframe_split": {"columns": [column], "data": [["a"], [row]]}})
        assert status == 400 and answer["message"].endswith(f"{column}: row 1 must be text, got {got}")


def test_a_fault_of_ours_is_told_without_its_insides(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("the insides")

    ask("scribe", {"inputs": {"prompt": ["a"]}})
    monkeypatch.setattr("tokenmill.inference.generation.generate.generate", fail)
    status, answer = ask("scribe", {"inputs": {"prompt": ["a"]}})
    assert (status, answer["error_code"]) == (500, "INTERNAL_ERROR")
    assert answer["message"] == "the model failed at this request; the server's log says where"
    assert "insides" not in str(answer)


NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.integers(), st.floats(), st.text(max_size=5)
)
TEXTS = st.one_of(st.text(max_size=30), st.text("\ud800\x00 <mask>[MASK]\n\u202e", max_size=20))
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
COLUMNS = st.sampled_from(["prompt", "text", "question", "passage", "x", ""])
DATA = st.one_of(
    st.builds(lambda column, rows: {"inputs": {column: rows}}, COLUMNS, st.lists(TEXTS, max_size=4)),
    st.builds(lambda column, rows: {"inputs": {column: rows}}, COLUMNS, VALUES),
    st.builds(lambda rows: {"instances": rows}, VALUES),
    st.builds(
        lambda columns, rows: {"dataframe_split": {"columns": columns, "data": rows}},
        st.lists(COLUMNS, max_size=2), st.one_of(VALUES, st.lists(st.lists(TEXTS, max_size=2), max_size=3)),
    ),
    st.builds(
        lambda rows: {"dataframe_records": rows},
        st.one_of(VALUES, st.lists(st.dictionaries(COLUMNS, TEXTS, max_size=2), max_size=3)),
    ),
    st.builds(lambda column, value: {column: value}, COLUMNS, VALUES),
    st.dictionaries(st.sampled_from(["inputs", "instances", "messages", "input", "y"]), VALUES, max_size=2),
)  # fmt: skip
PARAMS = st.one_of(st.dictionaries(st.sampled_from([*SAMPLING, "y"]), NUMBERS, max_size=3), VALUES)
BODIES = st.one_of(
    DATA,
    st.builds(lambda data, params: {**data, "params": params}, DATA, PARAMS),
    VALUES,
    st.binary(max_size=60),
    st.binary(max_size=20).map(lambda rest: b'{"inputs": {"prompt": ["' + rest + b'"]}}'),
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(list(KINDS)), body=BODIES)
def test_any_request(ask: Ask, name: str, body: Any) -> None:
    status, answer = ask(name, body)
    told = json.dumps(answer)
    assert "Traceback" not in told and "stack_trace" not in told, told
    assert status in (200, 400), (status, told)
    if status == 200:
        rows = answer["predictions"] if isinstance(answer, dict) else answer
        assert isinstance(rows, list)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(params=st.dictionaries(st.sampled_from(SAMPLING), NUMBERS, max_size=5), prompt=TEXTS)
def test_any_parameters(ask: Ask, params: dict[str, Any], prompt: str) -> None:
    """Each answer is as long as was asked for at most, and the same question has the same answer."""
    body = {"dataframe_split": {"columns": ["prompt"], "data": [[prompt]]}, "params": params}
    status, answer = ask("scribe", body)
    assert status in (200, 400), answer
    assert "stack_trace" not in answer
    if status == 200:
        assert ask("scribe", body) == (status, answer)
