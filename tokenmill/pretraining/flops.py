"""How many floating-point operations a model's matrix products take: for planning, and for utilisation.

A product of (a, b) by (b, c) counts 2abc. Norms, activations, softmax and the optimizer are left out, as is
the custom, so that shares of a machine's peak can be compared (Chowdhery et al. 2022, PaLM, appendix B).
Attention counts every pair of positions, within its window where it has one: causal attention is not halved.
"""

from tokenmill.model.config import ModelConfig


def forward_flops(
    config: ModelConfig, *, positions: int, source: int = 0, predicted: int | None = None
) -> float:
    """FLOPs of one row through the model, forward alone.

    Args:
        config: the model.
        positions: of the row; for a text-to-text model those of its decoder.
        source: positions that a text-to-text model's encoder reads.
        predicted: positions that go through the output layer; all of them unless given.
    """
    predicted = positions if predicted is None else predicted
    head = config.width * config.vocab_size + (config.width**2 if config.head != "linear" else 0)
    flops = 2.0 * head * predicted
    if config.cell != "attention":
        gates = 4 if config.cell == "lstm" else 1
        return flops + 2.0 * config.layers * gates * 2 * config.width**2 * positions
    if not config.decoder_layers:
        return flops + sum(
            _block(config, positions, config.window_of(layer)) for layer in range(config.layers)
        )
    heads = config.heads * config.width_of_head
    keys = 2 * config.groups * config.width_of_head
    # Queries and their output stand at the decoder's positions, keys and values at the encoder's.
    cross = 2.0 * config.width * (2 * heads * positions + keys * source) + 4.0 * heads * positions * source
    return (
        flops
        + config.layers * _block(config, source)
        + config.decoder_layers * (_block(config, positions) + cross)
    )


def _block(config: ModelConfig, positions: int, window: int = 0) -> float:
    """Self-attention and feed-forward layer of one block over one row."""
    heads = config.heads * config.width_of_head
    keys = 2 * config.groups * config.width_of_head
    matrices = (
        config.width * (2 * heads + keys) + (2 + config.gated) * config.width * config.intermediate_width
    )
    reached = min(positions, 2 * window + 1) if window else positions
    return 2.0 * matrices * positions + 4.0 * heads * positions * reached


def training_flops(
    config: ModelConfig, *, positions: int, source: int = 0, predicted: int | None = None
) -> float:
    """FLOPs of a training step for one row: the backward pass takes two products for each one forward."""
    return 3 * forward_flops(config, positions=positions, source=source, predicted=predicted)


def flops_per_token(config: ModelConfig) -> float:
    """Training FLOPs a token of a full row, every position predicted: 6N + 12 · layers · width · context
    (PaLM, appendix B), where N counts the matrices, the output layer among them, and not the embedding's
    look-up."""
    return training_flops(config, positions=config.context) / config.context
