"use strict";
// The playground: no library, nothing from elsewhere. Texts of models are only ever put in as text, never as HTML.

const TEXTS = {
  en: {
    language: "中文", model: "Model", beside: "Beside it", none: "no other", token: "This server wants its token",
    enter: "Enter", report: "report", card: "model card", parameters: "parameters", context: "context of",
    learned: "learned from", tokens: "tokens", loading: "Loading the model…", noModels: "No model is served.",
    lost: "The server does not answer. Is it still running?", cannot: "This model does something else.",
    generate: "Generate", reply: "Answer", chat: "Chat", fill: "Fill gaps", classify: "Classify", tag: "Find entities",
    tagTokens: "Tag words", answer: "Answer questions", choose: "Rank candidates", neighbours: "Compare texts",
    goGenerate: "Generate", goReply: "Answer", goChat: "Send", goFill: "Fill", goClassify: "Classify", goTag: "Find",
    goAnswer: "Find the answer", goChoose: "Rank", goNeighbours: "Compare", stop: "Stop",
    prompt: "Text to go on from", promptHint: "Begin a text; the model goes on…", askHint: "A text for the model to answer…",
    temperature: "Temperature", topP: "Top-p", maxTokens: "Max tokens", samples: "Samples", message: "Message",
    messageHint: "Say something…", anew: "New conversation", textLabel: "Text", fillHint: "A sentence in which the model fills a gap…",
    fillHow: "Click a word to hide it; the model says what stood there.", classifyHint: "A text to classify…",
    tagHint: "A text with names in it…", passage: "Passage", question: "Question", before: "What stands before",
    candidates: "Candidates, one a line", after: "What follows", ranking: "Rank by", sum: "log-probability",
    perByte: "per byte", pmi: "mutual information", texts: "Texts, one a line", examples: "From the test set",
    expected: "In the data", ended: "ended by itself", cut: "at the limit", stopped: "stopped", perSecond: "tokens a second",
    raises: "speaks for it", lowers: "speaks against it", noAnswer: "No answer in this passage", nothing: "Nothing found.",
    nats: "nats", fewTexts: "Give two texts at least.", noGap: "Click a word first.", likest: "Most like the text that is chosen",
    fewCandidates: "Give two candidates at least.", fits: "fits", why: "What moved the decision",
  },
  zh: {
    language: "English", model: "模型", beside: "对比", none: "不对比", token: "此服务需要令牌",
    enter: "进入", report: "报告", card: "模型卡", parameters: "参数", context: "上下文",
    learned: "学自", tokens: "词元", loading: "正在载入模型……", noModels: "没有可用的模型。",
    lost: "服务没有回应，是否还在运行？", cannot: "这个模型不做这件事。",
    generate: "续写", reply: "作答", chat: "对话", fill: "填空", classify: "分类", tag: "找实体",
    tagTokens: "标注", answer: "问答", choose: "候选排序", neighbours: "文本比较",
    goGenerate: "续写", goReply: "作答", goChat: "发送", goFill: "填空", goClassify: "分类", goTag: "查找",
    goAnswer: "找答案", goChoose: "排序", goNeighbours: "比较", stop: "停止",
    prompt: "开头", promptHint: "写个开头，模型接着写……", askHint: "交给模型的文本……",
    temperature: "温度", topP: "Top-p", maxTokens: "最多词元", samples: "篇数", message: "消息",
    messageHint: "说点什么……", anew: "新对话", textLabel: "文本", fillHint: "写一句话，让模型填空……",
    fillHow: "点一个词把它遮住，模型说那里原来是什么。", classifyHint: "要分类的文本……",
    tagHint: "含有名称的文本……", passage: "段落", question: "问题", before: "前文",
    candidates: "候选，每行一个", after: "后文", ranking: "依据", sum: "对数概率",
    perByte: "每字节", pmi: "互信息", texts: "文本，每行一条", examples: "取自测试集",
    expected: "数据中", ended: "自行结束", cut: "到达上限", stopped: "已停止", perSecond: "词元/秒",
    raises: "支持", lowers: "反对", noAnswer: "这个段落里没有答案", nothing: "没有找到。",
    nats: "奈特", fewTexts: "至少给两条文本。", noGap: "先点一个词。", likest: "与所选文本的相似程度",
    fewCandidates: "至少给两个候选。", fits: "符合", why: "判断依据",
  },
};

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
const lines = (text) => [...new Set(text.split("\n").map((line) => line.trim()).filter(Boolean))];

let language = "en";
let token = null;
let model = null; // facts of the chosen model
let other = null; // of the one beside it
let task = null;
let running = null; // an AbortController while something is asked
let expected = null; // what the data say of the example that is shown
let gaps = new Set(); // places of hidden words
const conversations = new Map(); // model's name -> messages
const known = new Map(); // model's name -> facts

const t = (key) => TEXTS[language][key];

/** An element: properties, then children; texts become text nodes. */
function h(name, properties = {}, ...children) {
  const { style = {}, ...rest } = properties;
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(rest)) {
    if (key === "className" || key === "type" || key.startsWith("on")) element[key] = value;
    else if (value !== false && value !== null) element.setAttribute(key, value);
  }
  for (const [key, value] of Object.entries(style)) element.style.setProperty(key, value);
  element.append(...children);
  return element;
}

// ---- asking the server

class Refused extends Error {}

async function ask(path, body, signal) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const asked = body === undefined ? { headers, signal } : { method: "POST", headers, body: JSON.stringify(body), signal };
  let response;
  try {
    response = await fetch(path, asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(t("lost"));
  }
  if (response.ok) return response;
  if (response.status === 401) enter();
  const told = await response.json().catch(() => null);
  throw new Refused(told?.error?.message ?? `${response.status}`);
}

const askJson = async (...asked) => (await ask(...asked)).json();

/** The events of an answer that is given out as it comes. */
async function* stream(path, body, signal) {
  const reader = (await ask(path, { ...body, stream: true }, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      if (part === "data: [DONE]") return;
      const event = JSON.parse(part.slice("data: ".length));
      if (event.error) throw new Refused(event.error.message);
      yield event;
    }
  }
}

async function factsOf(name) {
  if (!known.has(name)) known.set(name, await askJson(`api/models/${encodeURI(name)}`));
  return known.get(name);
}

// ---- tasks: each asks one model and draws what it says

const drawn = {
  async generate(facts, form, body, signal) {
    const prompt = form.text.value;
    const count = Number(form.samples.value);
    const asked = {
      model: facts.name, prompt, n: count, max_tokens: Number(form.maxTokens.value), seed: seed(),
      temperature: Number(form.temperature.value), top_p: Number(form.topP.value), stream_options: { include_usage: true },
    };
    const continues = facts.kind === "causal-lm";
    const rows = Array.from({ length: count }, () => {
      const written = h("span", { className: "new writing" });
      const meta = h("p", { className: "meta" });
      const given = h("span", { className: "given" }, continues ? prompt : "");
      body.append(h("div", { className: "sample" }, h("p", { className: "text" }, given, written), meta));
      return { written, meta };
    });
    if (expected) body.append(inTheData(expected));
    let begun = null;
    try {
      for await (const event of stream("v1/completions", asked, signal)) {
        begun ??= performance.now();
        if (event.usage) {
          const rate = Math.round((1000 * event.usage.completion_tokens) / (performance.now() - begun));
          rows.at(-1).meta.append(` · ${rate} ${t("perSecond")}`);
        }
        for (const choice of event.choices) {
          const row = rows[choice.index];
          row.written.append(choice.text);
          if (!choice.finish_reason) continue;
          row.written.classList.remove("writing");
          row.meta.textContent = t(choice.finish_reason === "stop" ? "ended" : "cut");
        }
      }
    } finally {
      for (const row of rows) {
        row.written.classList.remove("writing");
        row.meta.textContent ||= t("stopped");
      }
    }
  },

  async chat(facts, form, body, signal) {
    const messages = conversations.get(facts.name);
    const asked = {
      model: facts.name, messages: [...messages], max_tokens: Number(form.maxTokens.value), seed: seed(),
      temperature: Number(form.temperature.value),
    };
    const turn = h("div", { className: "turn writing" });
    body.append(turn);
    try {
      for await (const event of stream("v1/chat/completions", asked, signal)) {
        turn.append(event.choices[0]?.delta.content ?? "");
        turn.scrollIntoView({ block: "nearest" });
      }
    } finally {
      turn.classList.remove("writing");
      if (turn.textContent.trim()) messages.push({ role: "assistant", content: turn.textContent });
      else form.text.value ||= messages.pop().content;
    }
  },

  async fill(facts, form, body, signal) {
    const parts = words(form.text.value);
    const hidden = [...gaps].sort((a, b) => a - b).slice(facts.kind === "text-to-text" ? -1 : 0);
    if (!hidden.length) throw new Refused(t("noGap"));
    const text = parts.map((part, place) => (hidden.includes(place) ? facts.gap : part)).join("");
    const { results } = await askJson("api/fill", { model: facts.name, texts: [text], top_k: 8 }, signal);
    const found = results[0].gaps;
    const list = h("div", { className: "bars" });
    const line = h("p", { className: "text" });
    const buttons = hidden.map((place, number) =>
      h("button", { type: "button", className: "gap", onclick: () => show(number) }, found[number][0]?.text.trim() || "∅"));
    parts.forEach((part, place) => line.append(hidden.includes(place) ? buttons[hidden.indexOf(place)] : part));
    function show(number) {
      buttons.forEach((button, each) => button.setAttribute("aria-pressed", each === number));
      const rows = found[number].map(({ text: word, probability }, rank) => {
        const take = () => { buttons[number].textContent = word.trim() || "∅"; };
        const name = h("button", { type: "button", onclick: take, className: rank ? "" : "best" }, word.trim() || "␣");
        return [name, probability];
      });
      list.replaceChildren(...bars(rows));
    }
    show(0);
    body.append(line, list);
    if (expected) body.append(inTheData(expected));
  },

  async classify(facts, form, body, signal) {
    const text = form.text.value;
    const asked = { model: facts.name, texts: [text] };
    const { results: [found] } = await askJson("api/classify", asked, signal);
    if (facts.problem_type === "regression") {
      body.append(h("p", { className: "headline" }, String(found.value)));
    } else {
      const best = found.label ?? (found.labels.join(", ") || "—");
      const shares = Object.entries(found.probabilities);
      const sure = found.label ? h("small", {}, percent(shares[0][1])) : "";
      body.append(h("p", { className: "headline" }, best, " ", sure));
      const fits = found.labels ?? [found.label];
      const rows = shares.map(([name, share]) => [h("span", { className: fits.includes(name) ? "best" : "" }, name), share]);
      body.append(h("div", { className: "bars" }, ...bars(rows)));
    }
    if (expected) body.append(inTheData(expected));
    const why = h("div");
    body.append(why);
    const { results: [explained] } = await askJson("api/explain", asked, signal);
    const points = [...text];
    const most = Math.max(...explained.influences.map((part) => Math.abs(part.weight)), 1e-9);
    const line = h("p", { className: "text" });
    for (const { start, end, weight } of explained.influences) {
      const side = weight > 0 ? "for" : "against";
      const style = { "--strength": (Math.abs(weight) / most).toFixed(3) };
      const title = (weight > 0 ? "+" : "") + weight.toFixed(3);
      line.append(h("span", { className: `influence ${side}`, style, title }, points.slice(start, end).join("")));
    }
    const legend = [["for", "raises"], ["against", "lowers"]].map(([side, key]) => h("span", {}, h("i", { className: side }), t(key)));
    why.append(line, h("p", { className: "legend" }, `${t("why")}:`, ...legend));
  },

  async tag(facts, form, body, signal) {
    const text = form.text.value;
    const { results: [{ spans }] } = await askJson("api/tag", { model: facts.name, texts: [text] }, signal);
    const tones = [...new Set(facts.labels.map((label) => label.replace(/^[BI]-/, "")))].filter((label) => label !== "O");
    const points = [...text];
    const line = h("p", { className: "text" });
    let place = 0;
    for (const span of spans) {
      if (span.label === "O" || span.start === span.end) continue;
      line.append(points.slice(place, span.start).join(""));
      const note = h("small", {}, `${span.label} ${percent(span.probability)}`);
      line.append(h("mark", { className: `tone${Math.max(0, tones.indexOf(span.label)) % 8}` }, span.text, note));
      place = span.end;
    }
    line.append(points.slice(place).join(""));
    body.append(line);
    if (!spans.length) body.append(h("p", { className: "meta" }, t("nothing")));
  },

  async answer(facts, form, body, signal) {
    const passage = form.text.value;
    const asked = { model: facts.name, questions: [form.question.value], passages: [passage], top_k: 3 };
    const { results: [found] } = await askJson("api/answer", asked, signal);
    const sure = percent(found.answer ? found.answers[0].score : found.no_answer);
    body.append(h("p", { className: "headline" }, found.answer || t("noAnswer"), " ", h("small", {}, sure)));
    const points = [...passage];
    const line = h("p", { className: "text" });
    let place = 0;
    for (const each of [...found.answers].sort((a, b) => a.begin - b.begin)) {
      const first = each === found.answers[0] && found.answer;
      line.append(points.slice(place, each.begin).join(""));
      line.append(h("mark", { className: first ? "" : "other" }, each.text, h("small", {}, percent(each.score))));
      place = each.end;
    }
    line.append(points.slice(place).join(""));
    body.append(line);
    if (expected) body.append(inTheData(expected));
  },

  async choose(facts, form, body, signal) {
    const candidates = lines(form.text.value);
    if (candidates.length < 2) throw new Refused(t("fewCandidates"));
    const asked = { model: facts.name, candidates, before: form.before.value, after: form.after.value, ranking: form.ranking.value };
    const { results } = await askJson("api/choose", asked, signal);
    const best = results[0].score;
    const weights = results.map(({ score }) => Math.exp(score - best));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const rows = results.map(({ text, score }, rank) =>
      [h("span", { className: rank ? "" : "best" }, text), weights[rank] / total, `${score.toFixed(2)} ${t("nats")}`]);
    body.append(h("div", { className: "bars" }, ...bars(rows)));
  },

  async neighbours(facts, form, body, signal) {
    const texts = lines(form.text.value);
    if (texts.length < 2) throw new Refused(t("fewTexts"));
    const { data } = await askJson("v1/embeddings", { model: facts.name, input: texts }, signal);
    const list = h("div", { className: "bars texts" });
    function show(chosen) {
      const cosine = (place) => data[place].embedding.reduce((sum, value, axis) => sum + value * data[chosen].embedding[axis], 0);
      const order = texts.map((_, place) => [place, cosine(place)]).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      const rows = order.map(([place, value]) => {
        const pick = () => { show(place); $("button", list).focus(); };
        const name = h("button", { type: "button", onclick: pick, title: texts[place], className: place === chosen ? "best" : "" }, texts[place]);
        return [name, Math.max(0, value), value.toFixed(3)];
      });
      list.replaceChildren(...bars(rows));
    }
    show(0);
    body.append(h("p", { className: "meta" }, t("likest")), list);
  },
};

/** Rows of names, shares from 0 to 1, and what is written behind (the share itself, unless given). */
const bars = (rows) => rows.flatMap(([name, share, written]) => [
  name,
  h("div", { className: "track" }, h("div", { className: "bar", style: { "--share": share.toFixed(4) } })),
  h("span", { className: "value" }, written ?? percent(share)),
]);

const inTheData = (text) => h("p", { className: "truth" }, `${t("expected")}: `, h("b", {}, text));
const seed = () => Math.floor(Math.random() * 2 ** 31);

/** Words and single characters, with what is between them. */
const words = (text) => text.match(/[A-Za-z0-9À-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*|\s+|[^]/gu) ?? [];

// ---- the page

const formOf = (name) => $(`form[data-task="${name}"]`);

async function run() {
  const form = formOf(task);
  running?.abort();
  const mine = (running = new AbortController());
  const chosen = other ? [model, other] : [model];
  if (task === "chat") {
    const content = form.text.value.trim();
    for (const { name } of chosen) conversations.set(name, [...(conversations.get(name) ?? []), { role: "user", content }]);
    form.text.value = "";
    drawConversations(chosen);
  } else {
    $("#results").replaceChildren(...chosen.map(column));
  }
  drawButtons();
  $("#results").setAttribute("aria-busy", "true");
  await Promise.all(chosen.map(async (facts, place) => {
    const body = $$("#results .body")[place];
    try {
      if (!facts.tasks.includes(task)) throw new Refused(t("cannot"));
      await drawn[task](facts, form, body, mine.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refused)) console.error(error);
      body.append(h("p", { className: "problem" }, error.message));
    }
  }));
  if (running === mine) {
    running = null;
    $("#results").removeAttribute("aria-busy");
    drawButtons();
    if (task === "chat") form.text.focus();
  }
}

function stop() {
  running?.abort();
  running = null;
  $("#results").removeAttribute("aria-busy");
  drawButtons();
}

const column = (facts) =>
  h("article", { className: "column" }, ...(other ? [h("h2", {}, facts.name)] : []), h("div", { className: "body" }));

function drawConversations(chosen) {
  $("#results").replaceChildren(...chosen.map(column));
  chosen.forEach(({ name }, place) => {
    const turns = conversations.get(name) ?? [];
    $$("#results .body")[place].append(...turns.map(({ role, content }) => h("div", { className: `turn ${role}` }, content)));
  });
}

function drawButtons() {
  if (!task) return;
  const key = task === "generate" && model.answers ? "Reply" : task[0].toUpperCase() + task.slice(1);
  const go = h("button", { className: "primary", type: "submit" }, t(`go${key}`));
  const halt = h("button", { className: "plain", type: "button", onclick: stop }, t("stop"));
  const held = document.activeElement?.closest?.(".act");
  $(".act", formOf(task)).replaceChildren(...(running ? [halt] : [go]));
  if (held) (running ? halt : go).focus();
}

function drawTexts() {
  document.documentElement.lang = language;
  for (const element of $$("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of $$("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  for (const element of $$("[data-placeholder]")) {
    const key = element.id === "prompt" && model?.answers ? "askHint" : element.dataset.placeholder;
    element.placeholder = t(key);
  }
  $("#language").textContent = t("language");
  $("#language").lang = language === "en" ? "zh" : "en";
  const none = $("#other option[value='']");
  if (none) none.textContent = t("none");
  if (model) drawModel();
}

function drawModel() {
  const number = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 2 });
  const facts = [model.family, `${number.format(model.parameters)} ${t("parameters")}`, `${t("context")} ${model.context} ${t("tokens")}`];
  if (model.sources.length) facts.push(`${t("learned")} ${model.sources.join(", ")}`);
  const links = Object.entries(model.links).flatMap(([key, address]) => [" · ", h("a", { href: address, target: "_blank", rel: "noopener" }, t(key))]);
  $("#facts").replaceChildren(facts.join(" · "), ...(token ? [] : links));
  $("#tasks").replaceChildren(...model.tasks.map((name) => {
    const key = name === "generate" && model.answers ? "reply" : name === "tag" && model.kind === "token-classifier" ? "tagTokens" : name;
    const chosen = name === task;
    return h("button", { type: "button", role: "tab", "data-task": name, "aria-selected": chosen, tabindex: chosen ? 0 : -1,
      "aria-controls": "panel", onclick: () => choose(name) }, t(key));
  }));
  drawButtons();
}

async function choose(name) {
  stop();
  task = name;
  expected = null;
  for (const form of $$("form[data-task]")) form.hidden = form.dataset.task !== name;
  $("#panel").classList.toggle("talk", name === "chat");
  $("#results").replaceChildren();
  if (name === "chat") drawConversations(other ? [model, other] : [model]);
  if (name === "fill") drawWords();
  drawTexts();
  remember();
  await drawExamples();
}

async function drawExamples() {
  const [name, wanted] = [model.name, task];
  $("#examples").hidden = true;
  const { examples } = await askJson(`api/examples/${encodeURI(name)}?task=${wanted}`).catch(() => ({ examples: [] }));
  if (model.name !== name || task !== wanted || !examples.length) return;
  const form = formOf(task);
  const chips = wanted === "neighbours"
    ? [h("button", { type: "button", onclick: () => take({ text: examples.map(({ text }) => text).join("\n") }) }, examples.map(({ text }) => text).join(" / "))]
    : examples.map((each) => h("button", { type: "button", onclick: () => take(each), title: each.question ?? each.text }, each.question ?? each.text));
  function take(example) {
    form.text.value = example.text;
    if (form.question) form.question.value = example.question;
    if (wanted === "fill") hideWord(example);
    expected = example.expected ?? null;
    if (wanted === "chat") expected = null;
    run();
  }
  $("#examples .chips").replaceChildren(...chips);
  $("#examples").hidden = false;
}

/** Hide the word of an example's text that the model is to find. */
function hideWord({ text, begin }) {
  let place = 0;
  gaps = new Set();
  words(text).forEach((part, number) => {
    if (place === begin) gaps.add(number);
    place += [...part].length;
  });
  drawWords();
}

function drawWords() {
  const parts = words(formOf("fill").text.value);
  gaps = new Set([...gaps].filter((place) => place < parts.length && parts[place].trim()));
  $("#words").replaceChildren(...parts.map((part, place) => {
    if (!part.trim()) return h("span", {}, part);
    const toggle = () => {
      if (!gaps.delete(place)) {
        if (model.kind === "text-to-text") gaps.clear();
        gaps.add(place);
      }
      expected = null;
      drawWords();
      $$("#words > *")[place].focus();
      if (gaps.size) run();
      else $("#results").replaceChildren();
    };
    return h("button", { type: "button", "aria-pressed": gaps.has(place), onclick: toggle }, part);
  }));
}

async function pick(name, beside, wanted = task) {
  stop();
  say(t("loading"));
  try {
    const [first, second] = await Promise.all([factsOf(name), beside ? factsOf(beside) : null]);
    [model, other] = [first, second];
  } catch (error) {
    return say(error.message, true);
  }
  say("");
  $("#model").value = name;
  $("#other").value = beside || "";
  document.body.classList.toggle("two", Boolean(other));
  const most = String(Math.min(64, Math.floor(model.context / 2)));
  for (const input of $$("input[name=maxTokens]")) {
    input.max = String(model.context - 1);
    if (Number(input.value) >= model.context) input.value = most;
  }
  if (model.answers) formOf("generate").temperature.value = "0";
  drawOutputs();
  await choose(model.tasks.includes(wanted) ? wanted : model.tasks[0]);
}

function say(text, wrong = false) {
  $("#status").textContent = text;
  $("#status").classList.toggle("problem", wrong);
}

function remember() {
  const parts = new URLSearchParams({ model: model.name, task, ...(other ? { beside: other.name } : {}) });
  history.replaceState(null, "", `#${parts}`);
}

function enter() {
  $("#entrance").hidden = false;
  $("#place").hidden = true;
  $("#token").focus();
}

function drawOutputs() {
  for (const output of $$("output")) output.textContent = Number($(`#${output.htmlFor}`).value).toFixed(2);
}

async function begin() {
  drawTexts();
  let models;
  try {
    ({ models } = await askJson("api/models"));
  } catch (error) {
    return $("#entrance").hidden && say(error.message, true);
  }
  $("#entrance").hidden = true;
  if (!models.length) return say(t("noModels"), true);
  const options = () => models.map(({ name }) => h("option", { value: name }, name));
  $("#model").replaceChildren(...options());
  $("#other").replaceChildren(h("option", { value: "" }, t("none")), ...options());
  $("#place").hidden = false;
  const asked = new URLSearchParams(location.hash.slice(1));
  const names = models.map(({ name }) => name);
  const first = names.includes(asked.get("model")) ? asked.get("model") : (models.find(({ kind }) => kind === "causal-lm") ?? models[0]).name;
  await pick(first, names.includes(asked.get("beside")) ? asked.get("beside") : "", asked.get("task"));
}

function listen() {
  const kept = localStorage.getItem("language");
  language = kept in TEXTS ? kept : navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  token = sessionStorage.getItem("token");
  $("#language").onclick = () => {
    language = language === "en" ? "zh" : "en";
    localStorage.setItem("language", language);
    drawTexts();
  };
  $("#entrance").onsubmit = (event) => {
    event.preventDefault();
    token = $("#token").value;
    sessionStorage.setItem("token", token);
    begin();
  };
  $("#model").onchange = () => pick($("#model").value, other?.name);
  $("#other").onchange = () => pick(model.name, $("#other").value);
  $("#anew").onclick = () => {
    stop();
    conversations.clear();
    $("#results").replaceChildren();
    formOf("chat").text.focus();
  };
  for (const form of $$("form[data-task]")) {
    form.onsubmit = (event) => {
      event.preventDefault();
      run();
    };
    form.addEventListener("input", (event) => {
      expected = null;
      if (event.target.id === "gapped") {
        gaps.clear();
        drawWords();
      }
      drawOutputs();
    });
    form.addEventListener("keydown", (event) => {
      const sends = event.ctrlKey || event.metaKey || (form.dataset.task === "chat" && !event.shiftKey);
      if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "TEXTAREA" || !sends) return;
      event.preventDefault();
      if (!running) form.requestSubmit();
    });
  }
  $("#tasks").addEventListener("keydown", (event) => {
    const tabs = $$("[role=tab]");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    choose(next.dataset.task);
    $("[aria-selected=true]").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stop();
  });
}

listen();
begin();
