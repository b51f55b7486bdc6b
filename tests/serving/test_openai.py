"""OpenAI's HTTP: texts, conversations, vectors, streams, and errors in its form."""

import base64
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tokenmill
from tests.serving.conftest import KINDS, Server

GREEDY = {"max_tokens": 12, "temperature": 0}


def text(answer: dict) -> str:
    return answer["choices"][0]["text"]


def test_models_are_listed_and_found_by_name(server: Server) -> None:
    listed = server.get("/v1/models")
    assert [model["id"] for model in listed["data"]] == sorted([*KINDS, "talker"])
    assert {model["object"] for model in listed["data"]} == {"model"}
    assert server.get("/v1/models/gpt") == next(m for m in listed["data"] if m["id"] == "gpt")
    status, content = server.send("GET", "/v1/models/nothing")
    assert status == 404 and b"no model 'nothing' is served; there is bert" in content


def test_a_completion_is_what_the_library_writes(server: Server) -> None:
    sampling = {"temperature": 0.7, "top_p": 0.9, "seed": 3}
    answer = server.ask("/v1/completions", model="gpt", prompt="我喜欢", max_tokens=12, n=2, **sampling)
    wanted = tokenmill.generate(
        server.folder("gpt"), "我喜欢", max_new_tokens=12, num_return_sequences=2, **sampling
    )
    assert [choice["text"] for choice in answer["choices"]] == wanted[0]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer["object"] == "text_completion" and answer["model"] == "gpt"


def test_several_prompts_are_numbered_one_after_the_other(server: Server) -> None:
    prompts = ["我喜欢", "books and", ""]
    answer = server.ask("/v1/completions", model="gpt", prompt=prompts, **GREEDY)
    wanted = tokenmill.generate(server.folder("gpt"), prompts, max_new_tokens=12, temperature=0)
    assert [choice["text"] for choice in answer["choices"]] == [texts[0] for texts in wanted]


def test_a_text_says_why_it_ended(server: Server) -> None:
    whole = server.ask("/v1/completions", model="gpt", prompt="我喜欢", **GREEDY)
    assert whole["choices"][0]["finish_reason"] == "length"
    end = text(whole)[3]
    cut = server.ask("/v1/completions", model="gpt", prompt="我喜欢", stop=end, **GREEDY)
    assert cut["choices"][0]["finish_reason"] == "stop" and text(cut) == text(whole).partition(end)[0]
    last = text(whole)[-1]
    only_last = text(whole).count(last) == 1
    at_the_end = server.ask("/v1/completions", model="gpt", prompt="我喜欢", stop=[last], **GREEDY)
    assert at_the_end["choices"][0]["finish_reason"] == "stop" or not only_last


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_is_the_same_text_in_pieces_of_whole_characters(server: Server, seed: int) -> None:
    asked = {"model": "gpt", "prompt": "我喜欢", "max_tokens": 40, "n": 2, "seed": seed}
    whole = server.ask("/v1/completions", **asked)
    events = server.events("/v1/completions", **asked, stream_options={"include_usage": True})
    assert events[-1]["usage"] == whole["usage"] and events[-1]["choices"] == []
    for choice in whole["choices"]:
        mine = [c for event in events for c in event["choices"] if c["index"] == choice["index"]]
        assert "".join(c["text"] for c in mine) == choice["text"]
        assert [c["finish_reason"] for c in mine[:-1]] == [None] * (len(mine) - 1)
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
    assert len({event["id"] for event in events}) == 1


def test_a_conversation_goes_on(server: Server) -> None:
    messages = [{"role": "system", "content": "be"}, {"role": "user", "content": "books"}]
    settings = {"max_completion_tokens": 10, "temperature": 0.8, "seed": 1}
    answer = server.ask("/v1/chat/completions", model="talker", messages=messages, **settings)
    wanted = tokenmill.chat(server.folder("talker"), messages, max_new_tokens=10, temperature=0.8, seed=1)
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": wanted, "refusal": None}
    events = server.events("/v1/chat/completions", model="talker", messages=messages, **settings)
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""} and deltas[-1] == {}
    assert "".join(delta.get("content", "") for delta in deltas) == wanted


def test_vectors_have_length_one_and_come_packed_too(server: Server) -> None:
    texts = ["我喜欢", "books"]
    answer = server.ask("/v1/embeddings", model="bert", input=texts)
    found = np.array([row["embedding"] for row in answer["data"]])
    wanted = tokenmill.embed(server.folder("bert"), texts, normalise=True)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    packed = server.ask("/v1/embeddings", model="bert", input=texts[1], encoding_format="base64")
    content = base64.b64decode(packed["data"][0]["embedding"])
    np.testing.assert_allclose(struct.unpack(f"<{len(content) // 4}f", content), wanted[1], atol=1e-6)
    assert answer["usage"]["prompt_tokens"] > packed["usage"]["prompt_tokens"] > 0


def test_many_at_once_get_what_each_gets_alone(server: Server) -> None:
    prompts = [f"{word}{number}" for word in ("我喜欢", "books", "a small", "看") for number in range(6)]
    for settings in (GREEDY, {"max_tokens": 12, "temperature": 0.9, "seed": 7}):

        def one(prompt: str, settings: dict = settings) -> str:
            return text(server.ask("/v1/completions", model="gpt", prompt=prompt, **settings))

        alone = [one(prompt) for prompt in prompts]
        with ThreadPoolExecutor(len(prompts)) as pool:
            assert list(pool.map(one, prompts)) == alone
    for path, body in (("/api/classify", "sentiment"), ("/api/tag", "names")):

        def other(prompt: str, path: str = path, name: str = body) -> object:
            return server.ask(path, model=name, texts=[prompt])["results"]

        kept = [other(prompt) for prompt in prompts]
        with ThreadPoolExecutor(len(prompts)) as pool:
            together = list(pool.map(other, prompts))
        assert [str(each)[:20] for each in together] == [str(each)[:20] for each in kept]


def test_a_mistake_among_many_is_told_to_who_made_it(server: Server) -> None:
    prompts = ["我" * 200 if number % 3 else "我喜欢" for number in range(9)]
    with ThreadPoolExecutor(9) as pool:
        found = list(
            pool.map(
                lambda prompt: server.ask_status(
                    "/v1/completions", {"model": "gpt", "prompt": prompt, **GREEDY}
                ),
                prompts,
            )
        )
    assert [status for status, _ in found] == [400 if len(prompt) > 3 else 200 for prompt in prompts]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model": "nothing"}, 404, "no model 'nothing' is served"),
        ({"model": "bert"}, 400, "this model is a masked-lm; give a causal or a text-to-text model"),
        ({"prompt": []}, 400, "prompt is empty; give one text at least"),
        ({"prompt": ["a"] * 65}, 400, "prompt has 65 texts; send at most 64 at a time"),
        ({"prompt": "a" * 100_001}, 400, "prompt has 100,001 characters; send at most 100,000"),
        ({"prompt": [1, 2]}, 400, "should be a valid string"),
        ({"prompt": "\ud800"}, 400, "prompt 1 is not UTF-8"),
        ({"max_tokens": 0}, 400, "max_new_tokens must be from 1 to"),
        ({"max_tokens": 64}, 400, "the model's context is 64; shorten the prompt or ask for fewer tokens"),
        ({"temperature": -1}, 400, "temperature must be 0 (greedy), or from 0.001"),
        ({"temperature": "hot"}, 400, "temperature should be a valid number"),
        ({"n": 9}, 400, "n should be less than or equal to 8"),
        ({"stop": list("abcde")}, 400, "stop has 5 texts; give at most 4"),
        ({"logit_bias": {"3": 1}}, 400, "logit_bias is not supported here; leave it out"),
        ({"logprobs": 1}, 400, "logprobs is not supported here"),
        ({"echo": True}, 400, "echo is not supported here"),
    ],
)
def test_mistakes_are_one_line(server: Server, body: dict, status: int, message: str) -> None:
    found = server.refusal("/v1/completions", **{"model": "gpt", "prompt": "我", **body})
    assert found[0] == status and message in found[1] and found[1].isprintable()


def test_fields_that_ask_for_nothing_are_taken(server: Server) -> None:
    more = {"user": "me", "logprobs": None, "echo": False, "best_of": 1, "logit_bias": {}, "suffix": None}
    more |= {"presence_penalty": 0.0, "frequency_penalty": 0, "response_format": {"type": "text"}}
    assert text(server.ask("/v1/completions", model="gpt", prompt="我", **GREEDY, **more))


def test_other_mistakes(server: Server) -> None:
    chat = "/v1/chat/completions"
    said = [{"role": "user", "content": "a"}]
    assert "was not fine-tuned for conversations" in server.refusal(chat, model="gpt", messages=said)[1]
    assert (
        "role must be system, user or assistant"
        in server.refusal(chat, model="talker", messages=[{"role": "tool", "content": "a"}])[1]
    )
    assert "messages is empty" in server.refusal(chat, model="talker", messages=[])[1]
    json_type = {"content_type": "application/json"}
    for content, told in (
        (b"{", b"is no JSON"),
        (b"[]", b"must be a JSON object"),
        (b"[" * 100_000, b"no JSON"),
    ):
        status, answer = server.send("POST", chat, content, **json_type)
        assert status == 400 and told in answer
    status, answer = server.send("POST", chat, b'{"a":"' + b"a" * (1 << 20) + b'"}', **json_type)
    assert status == 413 and b"more than 1,048,576 bytes" in answer
    status, answer = server.send("GET", chat)
    assert status == 405 and b"asked in another way" in answer


def test_the_openai_client_understands_it(server: Server) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")
    assert {model.id for model in client.models.list()} == {*KINDS, "talker"}
    wanted = tokenmill.generate(server.folder("gpt"), "我喜欢", max_new_tokens=12, temperature=0)[0][0]
    whole = client.completions.create(model="gpt", prompt="我喜欢", **GREEDY)
    assert whole.choices[0].text == wanted
    pieces = client.completions.create(model="gpt", prompt="我喜欢", stream=True, **GREEDY)
    assert "".join(piece.choices[0].text for piece in pieces) == wanted
    messages = [{"role": "user", "content": "books"}]
    said = client.chat.completions.create(model="talker", messages=messages, **GREEDY).choices[0].message
    stream = client.chat.completions.create(model="talker", messages=messages, stream=True, **GREEDY)
    assert "".join(part.choices[0].delta.content or "" for part in stream) == said.content
    vectors = client.embeddings.create(model="bert", input=["我喜欢", "books"])
    np.testing.assert_allclose(
        [row.embedding for row in vectors.data],
        tokenmill.embed(server.folder("bert"), ["我喜欢", "books"], normalise=True),
        atol=1e-6,
    )
    with pytest.raises(openai.NotFoundError, match="no model 'x' is served"):
        client.completions.create(model="x", prompt="a")
    with pytest.raises(openai.BadRequestError, match="n should be less"):
        client.completions.create(model="gpt", prompt="a", n=9)
