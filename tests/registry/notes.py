"""A project with one source of short texts and one small language model of them."""

import random
from pathlib import Path

from ruamel.yaml import YAML

from tests.conftest import ROOT

WHO, DO = ("我", "你们", "老师", "妈妈", "他的朋友"), ("看了", "买了", "喜欢", "找到了", "卖掉了")
WHAT, WHEN = ("电影", "新书", "音乐", "地图", "报纸"), ("今天", "去年冬天", "星期三", "放假的时候")


def texts(count: int, seed: int) -> str:
    draw = random.Random(seed)
    lines = (
        "，".join(
            "".join(map(draw.choice, (WHEN, WHO, DO, ("一个", "两本", "三张"), WHAT)))
            for _ in range(draw.randint(2, 4))
        )
        for _ in range(count)
    )
    return "".join(f"{line}。\n" for line in lines)


def write_params(tokens: int) -> None:
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    small = dict(params["tokenize"]["chinese"], sources=["notes"], vocab_size=320)
    scribe = dict(params["pretrain"]["gpt"], tokenizer="small", init_from="data/init/random", tokens=tokens)
    scribe.update(layers=1, width=32, heads=2, context=32, batch_rows=4)
    params |= {
        "sources": {"notes": {"kind": "files", "paths": ["notes/*.txt"], "format": "txt"}},
        "tokenize": {"small": small},
        "pretrain": {"scribe": scribe},
        "finetune": {},
        "evaluate": {"scribe": {"ngram_order": 2, "prompts": []}},
        "register": {"scribe": {"name": "our-scribe", "metric": "bits_per_byte", "better": "lower"}},
        "runtime": {"threads": 1, "precision": "float32", "workers": 1},
    }
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
