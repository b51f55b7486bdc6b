"""Generation beside ``transformers``: the default gpt, one model folder, one process, the same texts.

``python -m benchmarks.generate``, with ``--threads 1`` or more. Weights are random, which changes nothing of
the work; each figure is the median of several runs that alternate between the two. With one thread seconds
are those of the processor, so that other programs do not count.
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from tokenmill.inference.generation.generate import generate
from tokenmill.model.families import family_config
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import build_model
from tokenmill.text.tokenizer import SPECIAL_TOKENS, fingerprint

PROMPT_TOKENS, NEW_TOKENS = 20, 100
CASES = [(prompts, beams) for beams in (1, 4) for prompts in (1, 16)]


def write_folder(folder: Path) -> None:
    """The default gpt of params.yaml with random weights, and a tokenizer of as many words."""
    words = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(8192 - len(SPECIAL_TOKENS)))]
    tokenizer = Tokenizer(models.WordLevel({word: id for id, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    source = folder / "tokenizer"
    source.mkdir()
    tokenizer.save(str(source / "tokenizer.json"))
    config = family_config("small-gpt", vocab_size=8192, layers=4, width=256, heads=4, context=256)
    torch.manual_seed(0)
    model = build_model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_model(folder / "model", model, tokenizer=source, ancestry={"tokenizer": fingerprint(source)})


def contestants(folder: Path) -> dict[str, Callable[[list[str], int], list[str]]]:
    """Prompts and number of beams to texts, by ours and by theirs; special tokens are left out by both."""
    model, vocabulary = load_model(folder)
    other: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    special = sorted(vocabulary.special)
    endless = dataclasses.replace(vocabulary, eos=None)  # all texts are of one length

    def ours(prompts: list[str], beams: int) -> list[str]:
        settings: dict[str, Any] = {"max_new_tokens": NEW_TOKENS, "temperature": 0, "num_beams": beams}
        return [texts[0] for texts in generate(model, endless, prompts, **settings)]

    def theirs(prompts: list[str], beams: int) -> list[str]:
        batch = tokenizer(prompts, return_tensors="pt", padding=True)
        rows = other.generate(
            **batch, max_new_tokens=NEW_TOKENS, do_sample=False, num_beams=beams, suppress_tokens=special
        )
        return list(tokenizer.batch_decode(rows[:, batch["input_ids"].shape[1] :], skip_special_tokens=True))

    return {"ours": ours, "transformers": theirs}


def main() -> None:
    """Print tokens per second by case, and how many times as fast ours is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    generator = torch.Generator().manual_seed(1)
    print(f"{'threads':>7} {'prompts':>7} {'beams':>5} {'ours':>10} {'transformers':>12}  ratio  texts")
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder))
        both = contestants(Path(folder) / "model")
        for count, beams in CASES:
            ids = torch.randint(0, 8000, (count, PROMPT_TOKENS), generator=generator).tolist()
            prompts = [" ".join(f"w{id}" for id in row) for row in ids]
            texts = {name: write(prompts, beams) for name, write in both.items()}
            seconds: dict[str, list[float]] = {name: [] for name in both}
            for _ in range(arguments.runs):
                for name, write in both.items():
                    start = clock()
                    write(prompts, beams)
                    seconds[name].append(clock() - start)
            rate = {name: count * NEW_TOKENS / statistics.median(all) for name, all in seconds.items()}
            same = "equal" if texts["ours"] == texts["transformers"] else "DIFFERENT"
            print(
                f"{arguments.threads:7} {count:7} {beams:5} {rate['ours']:8.0f}/s "
                f"{rate['transformers']:10.0f}/s {rate['ours'] / rate['transformers']:6.2f}  {same}",
                flush=True,
            )


if __name__ == "__main__":
    main()
