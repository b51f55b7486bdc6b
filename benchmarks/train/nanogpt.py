"""nanoGPT's train.py as published, with the settings that its README gives for a CPU, or its defaults."""

import os
import pickle
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.train import corpus as texts
from benchmarks.train.corpus import Corpus
from benchmarks.train.meter import Meter
from benchmarks.train.settings import Settings


def train(settings: Settings) -> dict[str, Any]:
    """Run it in this process, which afterwards is in another folder and has another ``sys.argv``.

    Its loop sets the model to training when it begins, and clears the gradients after each step: there the
    meter stands.
    """
    import torch

    corpus = texts.load(settings)
    meter = Meter(settings, corpus)
    clone = Path(settings.nanogpt).resolve()
    sys.path.insert(0, str(clone))
    from model import GPT

    torch.set_num_threads(settings.threads)
    original_train, configure, forward = GPT.train, GPT.configure_optimizers, GPT.forward

    def autocast(*arguments: Any) -> Any:
        """Its own autocast is for GPUs alone."""
        with torch.autocast("cpu", torch.bfloat16):
            return forward(*arguments)

    if settings.device == "cpu" and settings.precision == "bfloat16":
        GPT.forward = autocast

    def score(model: Any) -> dict[str, float]:
        # Without targets it gives the logits of the last position alone.
        return corpus.score(model, lambda batch: model(batch.inputs_BT, batch.labels_BT.contiguous())[0])

    def with_meter(model: Any, *arguments: Any) -> Any:
        optimizer = configure(model, *arguments)
        clear, begun = optimizer.zero_grad, False

        def begin(self: Any, mode: bool = True) -> Any:
            nonlocal begun
            original_train(self, mode)
            if mode and not begun:
                begun = True
                meter.begin(lambda: score(model))
            return self

        def after_step(**options: Any) -> None:
            clear(**options)
            meter.step(lambda: score(model))

        GPT.train, optimizer.zero_grad = begin, after_step
        return optimizer

    GPT.configure_optimizers = with_meter
    with tempfile.TemporaryDirectory() as folder:
        _write_data(Path(folder, "data/tokens"), corpus)
        Path(folder, "configurator.py").symlink_to(clone / "configurator.py")
        os.chdir(folder)
        sys.argv = ["train.py", *(f"--{key}={value}" for key, value in _options(settings).items())]
        runpy.run_path(str(clone / "train.py"), run_name="__main__")
        os.chdir(clone)  # the folder goes
    return meter.report()


def _write_data(folder: Path, corpus: Corpus) -> None:
    import numpy as np

    folder.mkdir(parents=True)
    corpus.train.astype(np.uint16).tofile(folder / "train.bin")
    corpus.validation.astype(np.uint16).tofile(folder / "val.bin")
    (folder / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": corpus.vocab_size}))


def _options(settings: Settings) -> dict[str, Any]:
    options = {
        "dataset": "tokens", "device": settings.device, "eval_interval": 10**9, "eval_iters": 1,
        "batch_size": settings.rows // settings.parts, "gradient_accumulation_steps": settings.parts,
        "block_size": settings.shape["context"], "n_layer": settings.shape["layers"],
        "n_head": settings.shape["heads"], "n_embd": settings.shape["width"],
        "learning_rate": settings.learning_rate, "min_lr": settings.learning_rate / 10,
        "warmup_iters": settings.warm_up, "max_iters": settings.steps - 1, "lr_decay_iters": settings.steps,
    }  # fmt: skip
    if settings.device == "cpu":
        options |= {"dtype": "float32", "compile": False, "dropout": 0.0, "beta2": 0.99}
    return options
