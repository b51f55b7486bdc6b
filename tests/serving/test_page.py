"""The page in a real browser: clicks and keys, both languages, phones, no other address."""

import json
from collections.abc import Iterator

import pytest

import tokenmill
from tests.browser import CHROMIUM, Page, browser
from tests.serving.conftest import Server, playground

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]

DESK, PHONE = (1200, 900), (390, 844)
CHIP = "#examples .chips button"
TOKEN = "a-token-for-the-tests"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all tests."""
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(tab: Page, server: Server) -> Iterator[Page]:
    """The playground in English on a desk, as if for the first time; nothing went wrong in the end."""
    tab.language("en-US")
    tab.look(*DESK)
    tab.open(server.address)
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.problems.clear()
    yield tab
    assert tab.problems == []


def show(page: Page, server: Server, model: str, task: str, beside: str = "") -> None:
    """A model's task."""
    page.open(f"{server.address}/#model={model}&task={task}&beside={beside}")
    page.wait(f"document.querySelector('[data-task={task}][aria-selected=true]')")


def send(page: Page, task: str) -> None:
    """Click the button of a task, and wait for the end of the answer."""
    page.click(f"form[data-task={task}] .primary")
    answered(page, task)


def answered(page: Page, task: str) -> None:
    page.wait(
        f"document.querySelector('form[data-task={task}] .primary') && "
        "!document.querySelector('#results').matches(':empty, [aria-busy]')"
    )


def test_it_opens_with_a_model_that_writes_and_says_what_it_is(page: Page) -> None:
    page.wait("document.querySelector('[role=tab]')")
    assert page.evaluate("document.querySelector('#model').value") == "gpt"
    assert page.text("#facts").startswith("small-gpt · ")
    assert "learned from reviews" in page.text("#facts")
    assert page.text("#tasks").split("\n") == ["Generate", "Rank candidates", "Compare texts"]
    links = page.evaluate("[...document.querySelectorAll('#facts a')].map(a => a.getAttribute('href'))")
    assert links == ["/report/report.html", "/report/cards/gpt.md"]


def test_a_text_is_written_as_it_comes(page: Page, server: Server) -> None:
    show(page, server, "gpt", "generate")
    page.write("#prompt", "我喜欢")
    page.evaluate("document.querySelector('#temperature').value = 0")
    page.write("#maxTokens", "9")
    page.write("#samples", "2")
    send(page, "generate")
    (wanted,) = tokenmill.generate(server.folder("gpt"), "我喜欢", max_new_tokens=9, temperature=0)[0]
    shown = page.evaluate("[...document.querySelectorAll('.sample .text')].map(e => e.textContent)")
    assert shown == [f"我喜欢{wanted}"] * 2
    assert "at the limit" in page.text("#results") and "tokens a second" in page.text("#results")


def test_it_can_be_stopped(page: Page, server: Server) -> None:
    show(page, server, "talker", "generate")
    page.write("#prompt", "我")
    page.write("#maxTokens", "2000")
    page.write("#samples", "8")
    page.click("form[data-task=generate] .primary")
    page.wait("document.querySelector('.writing')?.textContent")
    page.press("Escape", 27)
    answered(page, "generate")
    assert "stopped" in page.text("#results")


def test_an_example_is_one_click(page: Page, server: Server) -> None:
    show(page, server, "sentiment", "classify")
    page.click(CHIP)
    answered(page, "classify")
    text = page.evaluate("document.querySelector('#labelled').value")
    example = next(
        each
        for each in server.get("/api/examples/sentiment?task=classify")["examples"]
        if each["text"] == text
    )
    assert f"In the data: {example['expected']}" in page.text("#results")


def test_a_text_is_classified_and_explained(page: Page, server: Server) -> None:
    show(page, server, "sentiment", "classify")
    page.write("#labelled", "我喜欢 😀 films")
    send(page, "classify")
    (found,) = tokenmill.classify(server.folder("sentiment"), "我喜欢 😀 films")
    label, share = next(iter(found.items()))
    assert page.text(".headline").split() == [label, f"{100 * share:.0f}%"]
    parts = page.evaluate("[...document.querySelectorAll('.influence')].map(e => e.textContent)")
    assert "".join(parts) == "我喜欢 😀 films" and "😀" in parts
    assert "speaks for it" in page.text(".legend")


def test_a_word_is_hidden_by_a_click_and_found(page: Page, server: Server) -> None:
    show(page, server, "bert", "fill")
    page.write("#gapped", "我喜欢看。")
    page.click("#words button:nth-child(4)")
    answered(page, "fill")
    ((wanted,),) = tokenmill.fill(server.folder("bert"), "我喜欢<mask>。", top_k=8)
    names = page.evaluate("[...document.querySelectorAll('.bars button')].map(e => e.textContent)")
    assert names == [each.text.strip() or "␣" for each in wanted]
    assert page.text(".gap") == (wanted[0].text.strip() or "∅")
    page.click(".bars button:nth-of-type(3)")
    assert page.text(".gap") == (wanted[2].text.strip() or "∅")
    page.click("#words button:nth-child(1)")
    page.wait("document.querySelectorAll('.gap').length === 2")
    page.click(".gap:nth-of-type(2)")
    assert page.evaluate("document.querySelectorAll('.gap')[1].ariaPressed") == "true"


def test_a_text_to_text_model_has_one_gap(page: Page, server: Server) -> None:
    show(page, server, "t5", "fill")
    page.write("#gapped", "我喜欢看。")
    page.click("#words button:nth-child(4)")
    answered(page, "fill")
    page.click("#words button:nth-child(2)")
    page.wait("document.querySelector('#words button:nth-child(2)').ariaPressed === 'true'")
    answered(page, "fill")
    assert page.evaluate("document.querySelectorAll('.gap').length") == 1


def test_names_are_marked(page: Page, server: Server) -> None:
    show(page, server, "names", "tag")
    page.write("#tagged", "😀我喜欢 films")
    send(page, "tag")
    (spans,) = tokenmill.tag(server.folder("names"), "😀我喜欢 films")
    marks = page.evaluate("[...document.querySelectorAll('mark')].map(e => e.firstChild.textContent)")
    assert marks == ["😀我喜欢 films"[span.start : span.end] for span in spans]
    assert page.evaluate("document.querySelector('#results .text').innerText").startswith("😀")


def test_an_answer_is_marked_in_its_passage(page: Page, server: Server) -> None:
    show(page, server, "reader", "answer")
    page.write("#passage", "我喜欢films")  # no text in it stands twice
    page.write("#question", "a?")
    send(page, "answer")
    (found,) = tokenmill.answer(server.folder("reader"), "a?", "我喜欢films", top_k=3)
    wanted = "No answer in this passage" if found.best is None else found.best.label
    assert page.text(".headline").startswith(wanted)
    assert page.evaluate("document.querySelectorAll('mark').length") == len(found.spans)


def test_candidates_are_ranked_and_texts_compared(page: Page, server: Server) -> None:
    show(page, server, "gpt", "choose")
    page.write("#before", "我喜欢看")
    page.write("#candidates", "电影\n音乐")
    send(page, "choose")
    ranked = tokenmill.choose(server.folder("gpt"), ["电影", "音乐"], before="我喜欢看")
    assert page.text(".bars .best") == ranked[0][0]
    show(page, server, "gpt", "neighbours")
    page.write("#texts", "books\nfilms\n我喜欢")
    send(page, "neighbours")
    assert page.text(".bars button.best") == "books"
    page.click(".bars button:nth-of-type(2)")
    assert page.text(".bars .value") == "1.000" and page.text(".bars button.best") != "books"


def test_a_conversation_of_several_turns(page: Page, server: Server) -> None:
    show(page, server, "talker", "chat")
    for number, said in enumerate(("books", "films"), 1):
        page.write("#said", said)
        page.press("Enter", 13)
        page.wait(f"document.querySelectorAll('.turn.user').length === {number}")
        answered(page, "chat")
        page.wait("document.activeElement.id === 'said'")
    assert page.evaluate("document.querySelectorAll('.turn').length") == 4
    page.click("#anew")
    assert page.evaluate("document.querySelectorAll('.turn').length") == 0


def test_two_models_stand_side_by_side(page: Page, server: Server) -> None:
    show(page, server, "gpt", "choose")
    page.choose("#other", "bert")
    page.wait("document.body.classList.contains('two')")
    page.write("#candidates", "a\nb")
    send(page, "choose")
    assert page.evaluate("[...document.querySelectorAll('.column > h2')].map(e => e.textContent)") == [
        "gpt",
        "bert",
    ]
    assert page.evaluate("document.querySelectorAll('.column .bars').length") == 2
    show(page, server, "gpt", "generate", "bert")
    page.write("#prompt", "我")
    send(page, "generate")
    assert page.text(".column:nth-child(2) .problem") == "This model does something else."


def test_a_mistake_is_shown_where_the_answer_would_be(page: Page, server: Server) -> None:
    show(page, server, "gpt", "generate")
    page.write("#prompt", "我" * 100)
    send(page, "generate")
    assert "the model's context is 64; shorten the prompt" in page.text("#results .problem")
    show(page, server, "gpt", "neighbours")
    page.write("#texts", "one")
    send(page, "neighbours")
    assert page.text(".problem") == "Give two texts at least."
    page.problems = [p for p in page.problems if "status of 400" not in p]  # the browser notes the answer


def test_chinese_is_spoken_where_the_browser_does_and_on_demand(page: Page, server: Server) -> None:
    page.language("zh-CN")
    show(page, server, "sentiment", "classify")
    assert page.text("[role=tab]") == "分类" and page.evaluate("document.documentElement.lang") == "zh"
    page.write("#labelled", "我喜欢")
    send(page, "classify")
    assert "支持" in page.text(".legend")
    show(page, server, "bert", "fill")
    page.write("#gapped", "我喜欢看。")
    page.click("#words button:nth-child(4)")
    answered(page, "fill")
    assert page.text("form[data-task=fill] .primary") == "填空" and page.text(".gap")
    show(page, server, "gpt", "generate")
    page.write("#prompt", "我")
    send(page, "generate")
    assert "词元/秒" in page.text("#results")
    page.click("#language")
    assert page.text("[role=tab]") == "Generate" and page.evaluate("document.documentElement.lang") == "en"
    page.open(server.address)
    page.wait("document.querySelector('[role=tab]')")
    assert page.text("[role=tab]") == "Generate"  # what was chosen is kept


def test_both_languages_have_the_same_texts(page: Page) -> None:
    english, chinese = (set(page.evaluate(f"Object.keys(TEXTS.{code})")) for code in ("en", "zh"))
    marked = "[...document.querySelectorAll('[data-t],[data-label],[data-placeholder]')]"
    used = page.evaluate(f"{marked}.map(e => e.dataset.t ?? e.dataset.label ?? e.dataset.placeholder)")
    assert english == chinese >= set(used)


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("gpt", "generate"),
        ("gpt", "choose"),
        ("gpt", "neighbours"),
        ("bert", "fill"),
        ("sentiment", "classify"),
        ("names", "tag"),
        ("reader", "answer"),
        ("talker", "chat"),
    ],
)
def test_a_phone_scrolls_no_page_sideways(page: Page, server: Server, model: str, task: str) -> None:
    page.look(*PHONE, dark=True)
    show(page, server, model, task, beside="gpt")
    long = json.dumps("我喜欢" * 8 + "w" * 80)
    page.evaluate(
        f"for (const field of document.querySelector('form[data-task={task}]')"
        ".querySelectorAll('textarea, input[type=text]')) "
        f"field.value = {long} + '\\n' + {long} + 'x'"
    )
    send(page, task)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    page.problems = [p for p in page.problems if "status of 400" not in p]


def test_all_is_reached_by_keyboard(page: Page, server: Server) -> None:
    show(page, server, "gpt", "generate")
    page.evaluate("document.querySelector('[role=tab][aria-selected=true]').focus()")
    page.press("ArrowRight", 39)
    page.wait("document.activeElement.dataset.task === 'choose'")
    seen = set()
    for _ in range(12):
        page.press("Tab", 9)
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"before", "candidates", "after", "ranking", "primary"} <= seen


def test_a_token_is_asked_for(page: Page, server: Server) -> None:
    with playground(server.project, "--host", "0.0.0.0", token=TOKEN) as wide:
        page.open(wide.address)
        page.write("#token", "wrong-token-of-somebody")
        page.click("#entrance .primary")
        page.write("#token", TOKEN)
        page.click("#entrance .primary")
        page.wait("document.querySelector('[role=tab]')")
        page.write("#prompt", "我")
        send(page, "generate")
        assert page.text(".sample").startswith("我")
    page.problems = [p for p in page.problems if "status of 401" not in p]
