"""The curves as one picture for the README."""

from pathlib import Path
from typing import Any

NAMES = {"nanogpt": "nanoGPT", "trainer": "transformers Trainer", "ours": "Tokenmill"}
COLOURS = {"nanogpt": "#b45f06", "trainer": "#6f6f6f", "ours": "#1f5fa8"}
AXES = {"bits_per_byte": "bits per byte, validation", "accuracy": "accuracy at hidden tokens, validation"}
TICKS = (1, 3, 10, 30, 60, 180, 600, 1800, 3600)
"""Seconds."""


def draw(runs: dict[str, dict[str, Any]], measure: str, path: Path) -> None:
    """Draw ``measure`` against seconds of training, one line for each side's own run, as SVG.

    Seconds are on a logarithmic axis: the loss falls by about the same with each doubling. Equal figures give
    equal bytes.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    sides = {name: runs[name]["curve"][1:] for name in COLOURS if name in runs}
    begin = max(curve[0]["seconds"] for curve in sides.values())
    end = max(curve[-1]["seconds"] for curve in sides.values())
    with matplotlib.rc_context({"svg.hashsalt": "tokenmill", "svg.fonttype": "none", "font.size": 11}):
        figure, axes = pyplot.subplots(figsize=(7.2, 4.0), layout="constrained")
        for name, curve in sides.items():
            seconds, values = [p["seconds"] for p in curve], [p[measure] for p in curve]
            label = f"{NAMES[name]}: {values[-1]:.2f}"  # at a line's end it may meet another's
            axes.plot(seconds, values, color=COLOURS[name], linewidth=2, label=label)
        axes.set_xscale("log")
        axes.set_xlim(begin, end)
        ticks = [tick for tick in TICKS if begin <= tick <= 1.01 * end]
        axes.set_xticks(ticks, [f"{tick // 60} min" if tick >= 60 else f"{tick} s" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("training time")
        axes.set_ylabel(AXES[measure])
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, title="after the last step")
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)
