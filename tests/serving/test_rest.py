"""The other tasks: each answers as the library does, in one shape for HTTP and the command line."""

import pytest

import tokenmill
from tests.serving.conftest import KINDS, Server


def test_labels_of_texts(server: Server) -> None:
    texts = ["我喜欢", "books"]
    answer = server.ask("/api/classify", model="sentiment", texts=texts)
    assert answer["model"] == "sentiment"
    for found, wanted in zip(
        answer["results"], tokenmill.classify(server.folder("sentiment"), texts), strict=True
    ):
        assert found["label"] == next(iter(wanted))
        assert found["probabilities"] == pytest.approx(wanted, abs=1e-5)


def test_what_moved_a_decision(server: Server) -> None:
    text = "I like films 我"
    (found,) = server.ask("/api/explain", model="sentiment", texts=[text])["results"]
    (wanted,) = tokenmill.explain(server.folder("sentiment"), text)
    assert found["label"] == wanted.label
    places = [(part["start"], part["end"]) for part in found["influences"]]
    assert places == [(part.start, part.end) for part in wanted.influences]
    assert [part["weight"] for part in found["influences"]] == pytest.approx(
        [part.weight for part in wanted.influences], abs=1e-5
    )


@pytest.mark.parametrize("name", ["names", "speech"])
def test_parts_of_texts(server: Server, name: str) -> None:
    text = "我喜欢 films"
    (found,) = server.ask("/api/tag", model=name, texts=[text])["results"]
    (wanted,) = tokenmill.tag(server.folder(name), text)
    assert [(s["start"], s["end"], s["label"]) for s in found["spans"]] == [
        (s.start, s.end, s.label) for s in wanted
    ]
    assert all(s["text"] == text[s["start"] : s["end"]] for s in found["spans"])


@pytest.mark.parametrize(("name", "text"), [("bert", "我<mask>电<mask>"), ("t5", "我<extra_0>电影")])
def test_gaps(server: Server, name: str, text: str) -> None:
    (found,) = server.ask("/api/fill", model=name, texts=[text], top_k=3)["results"]
    (wanted,) = tokenmill.fill(server.folder(name), text, top_k=3)
    assert [[c["text"] for c in gap] for gap in found["gaps"]] == [[c.text for c in gap] for gap in wanted]


def test_answers_in_passages(server: Server) -> None:
    asked = {"questions": ["看", "a"], "passages": ["books and films", "我喜欢看电影。"]}
    found = server.ask("/api/answer", model="reader", **asked, top_k=2, max_tokens=4)["results"]
    wanted = tokenmill.answer(
        server.folder("reader"), asked["questions"], asked["passages"], top_k=2, max_tokens=4
    )
    for one, other, passage in zip(found, wanted, asked["passages"], strict=True):
        assert [(a["begin"], a["end"]) for a in one["answers"]] == [(s.start, s.end) for s in other.spans]
        assert all(a["text"] == passage[a["begin"] : a["end"]] for a in one["answers"])
        assert one["answer"] == ("" if other.best is None else other.best.label)


@pytest.mark.parametrize("name", ["gpt", "bert"])
def test_candidates(server: Server, name: str) -> None:
    asked = {"candidates": ["电影", "音乐"], "before": "我喜欢", "after": "。"}
    found = server.ask("/api/choose", model=name, **asked, ranking="per_byte")["results"]
    wanted = tokenmill.choose(server.folder(name), **asked, ranking="per_byte")
    assert [c["text"] for c in found] == [text for text, _ in wanted]
    assert [c["score"] for c in found] == pytest.approx([score for _, score in wanted], abs=1e-4)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("classify", {"model": "gpt", "texts": ["a"]}, "give a sequence-classifier"),
        ("classify", {"model": "sentiment", "text": "a"}, "texts is missing; add it"),
        ("classify", {"model": "sentiment", "texts": ["a"], "top": 1}, "top is not a setting"),
        ("explain", {"model": "sentiment", "texts": ["a"] * 9}, "send at most 8 at a time"),
        ("tag", {"model": "names", "texts": [""] * 65}, "texts has 65 texts; send at most 64"),
        ("fill", {"model": "bert", "texts": ["ab"]}, "text 1 has no gap; write the mask token <mask>"),
        ("fill", {"model": "bert", "texts": ["<mask>"], "top_k": 51}, "less than or equal to 50"),
        ("answer", {"model": "reader", "questions": ["a"], "passages": ["b", "c"]}, "1 questions for 2"),
        ("answer", {"model": "reader", "questions": ["a"], "passages": [" "]}, "passage 1 is empty"),
        ("choose", {"model": "gpt", "candidates": ["a", "a"]}, "candidates must differ"),
        ("choose", {"model": "gpt", "candidates": ["a", "b"], "ranking": "luck"}, "ranking should be 'sum'"),
    ],
)
def test_mistakes_are_one_line(server: Server, path: str, body: dict, message: str) -> None:
    status, told = server.refusal(f"/api/{path}", **body)
    assert status == 400 and message in told and told.isprintable()


def test_models_are_described(server: Server) -> None:
    listed = {model["name"]: model["kind"] for model in server.get("/api/models")["models"]}
    assert listed == {**KINDS, "talker": "causal-lm"}
    facts = {name: server.get(f"/api/models/{name}") for name in listed}
    assert {name: each["tasks"] for name, each in facts.items()} == {
        "bert": ["fill", "choose", "neighbours"],
        "gpt": ["generate", "choose", "neighbours"],
        "names": ["tag", "neighbours"],
        "reader": ["answer", "neighbours"],
        "sentiment": ["classify", "neighbours"],
        "speech": ["tag", "neighbours"],
        "t5": ["fill", "generate", "neighbours"],
        "talker": ["chat", "generate", "choose", "neighbours"],
    }
    assert (facts["bert"]["gap"], facts["t5"]["gap"]) == ("<mask>", "<extra_0>")
    assert facts["gpt"]["links"] == {"report": "/report/report.html", "card": "/report/cards/gpt.md"}
    assert facts["bert"]["links"] == {"report": "/report/report.html"}
    assert facts["gpt"]["sources"] == ["reviews", "gone"] and facts["t5"]["sources"] == []


def test_examples_are_of_the_test_split(server: Server) -> None:
    import polars as pl

    documents = pl.read_parquet(server.project / "data/clean/documents/reviews.parquet")
    there = dict(documents.filter(pl.col("split") == "test").select("text", "label").iter_rows())
    labelled = server.get("/api/examples/sentiment?task=classify")["examples"]
    assert labelled and all(there[each["text"]] == each["expected"] for each in labelled)
    for each in server.get("/api/examples/gpt?task=generate")["examples"]:
        assert each["text"] + each["expected"] in there
    for each in server.get("/api/examples/bert?task=fill")["examples"]:
        assert each["text"] in there and each["text"][each["begin"] : each["end"]] == each["expected"]
    for name, task in (("t5", "generate"), ("gpt", "choose"), ("gpt", "nonsense")):
        assert server.get(f"/api/examples/{name}?task={task}")["examples"] == []


def test_the_report_is_shown_and_nothing_beside_it(server: Server) -> None:
    assert server.send("GET", "/report/report.html") == (200, b"<title>figures</title>")
    assert server.send("GET", "/report/cards/gpt.md") == (200, b"# gpt")
    for path in ("..%2fmodels%2fgpt%2fREADME.md", "../models/gpt/README.md", "%2fetc%2fpasswd", "", "x.html"):
        assert server.send("GET", f"/report/{path}")[0] == 404, path
