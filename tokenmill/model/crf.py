"""Linear-chain conditional random fields (Lafferty et al. 2001): sequences of labels, scored as a whole.

The score of labels y of a row is the sum of ``emissions[t, y_t]`` and ``transitions[y_(t-1), y_t]``. A row
begins as if the label before it were the first one, "O" in BIO. Forbidden transitions have -inf.
Shapes: N rows, C characters, L labels; ``mask_NC`` is true at the characters of a row, which are its first.
"""

import torch
from torch import Tensor


def forbidden(labels: tuple[str, ...]) -> Tensor:
    """Which transitions (L, L) BIO does not allow: into I- from anything but B- and I- of the same name."""
    return torch.tensor(
        [[after[:2] == "I-" and before[2:] != after[2:] for after in labels] for before in labels]
    )


def log_likelihood(
    emissions_NCL: Tensor, transitions_NLL: Tensor, labels_NC: Tensor, mask_NC: Tensor
) -> Tensor:
    """Logarithm of the probability (N) of each row's labels; those where the mask is false do not matter."""
    labels_NC = labels_NC.masked_fill(~mask_NC, 0)
    before_NC = torch.nn.functional.pad(labels_NC[:, :-1], (1, 0))
    own_NC = emissions_NCL.gather(2, labels_NC[:, :, None])[:, :, 0]
    rows_N1 = torch.arange(len(labels_NC), device=labels_NC.device)[:, None]
    moved_NC = transitions_NLL[rows_N1, before_NC, labels_NC]
    score_N = (own_NC + moved_NC).masked_fill(~mask_NC, 0).sum(1)
    return score_N - log_partition(forward_scores(emissions_NCL, transitions_NLL), mask_NC)


def forward_scores(emissions_NCL: Tensor, transitions_NLL: Tensor) -> Tensor:
    """alpha (N, C, L): logarithm of the summed scores of all labels up to a character that has a label."""
    alpha_NL = emissions_NCL[:, 0] + transitions_NLL[:, 0]
    alphas = [alpha_NL]
    for emission_NL in emissions_NCL.unbind(1)[1:]:
        alpha_NL = torch.logsumexp(alpha_NL[:, :, None] + transitions_NLL, 1) + emission_NL
        alphas.append(alpha_NL)
    return torch.stack(alphas, 1)


def backward_scores(emissions_NCL: Tensor, transitions_NLL: Tensor, mask_NC: Tensor) -> Tensor:
    """beta (N, C, L): logarithm of the summed scores of all labels behind a character that has a label."""
    beta_NL = torch.zeros_like(emissions_NCL[:, 0])
    betas = [beta_NL]
    for place in range(emissions_NCL.shape[1] - 1, 0, -1):
        behind_NL = torch.logsumexp(transitions_NLL + (emissions_NCL[:, place] + beta_NL)[:, None], 2)
        beta_NL = torch.where(mask_NC[:, place, None], behind_NL, beta_NL)
        betas.append(beta_NL)
    return torch.stack(betas[::-1], 1)


def log_partition(alpha_NCL: Tensor, mask_NC: Tensor) -> Tensor:
    """Logarithm (N) of the sum over all sequences of labels."""
    last_N = mask_NC.sum(1) - 1
    rows_N = torch.arange(len(last_N), device=last_N.device)
    return torch.logsumexp(alpha_NCL[rows_N, last_N], 1)


def viterbi(emissions_NCL: Tensor, transitions_NLL: Tensor, mask_NC: Tensor) -> Tensor:
    """The likeliest labels (N, C) of each row (Viterbi 1967); 0 behind its end."""
    best_NL = emissions_NCL[:, 0] + transitions_NLL[:, 0]
    came_from = []
    for place in range(1, emissions_NCL.shape[1]):
        score_NL, from_NL = (best_NL[:, :, None] + transitions_NLL).max(1)
        stays_N1 = ~mask_NC[:, place, None]
        best_NL = torch.where(stays_N1, best_NL, score_NL + emissions_NCL[:, place])
        came_from.append(torch.where(stays_N1, torch.arange(best_NL.shape[1]), from_NL))
    label_N = best_NL.argmax(1)
    path = [label_N]
    for from_NL in reversed(came_from):
        label_N = from_NL.gather(1, label_N[:, None])[:, 0]
        path.append(label_N)
    return torch.stack(path[::-1], 1).masked_fill(~mask_NC, 0)
