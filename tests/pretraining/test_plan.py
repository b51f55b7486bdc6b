"""What is planned against what is there: parameters, memory, and the refusal of what cannot fit."""

import pytest
import torch

from tests.tiny_models import tiny_config, tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.heads import LanguageModel
from tokenmill.model.names import Family, Kind
from tokenmill.objectives.causal import Causal
from tokenmill.objectives.masked import Masked
from tokenmill.objectives.objective import Objective, RowShape
from tokenmill.objectives.span_corruption import SpanCorruption
from tokenmill.pretraining import plan
from tokenmill.training.estimate import BASE, OVERHEAD
from tokenmill.training.optimizer import MuonAdamW, parameter_groups

OBJECTIVES: dict[Kind, Objective] = {
    "causal-lm": Causal(),
    "masked-lm": Masked(mlm_probability=0.25),
    "text-to-text": SpanCorruption(),
}


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_weights_state_and_saved_activations_are_those_of_the_real_step(kind: Kind) -> None:
    model = tiny_model(kind)
    assert isinstance(model, LanguageModel)
    row = OBJECTIVES[kind].row_shape(model.config.context)
    need = plan.memory(model.config, row, 3)
    own = {weight.untyped_storage()._cdata for weight in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = plan._loss(model, row, 3)
    assert plan.saved_bytes(model.config, row, 3) == sum(saved.values())
    loss.backward()
    optimizer = MuonAdamW(parameter_groups(model, 0.1))
    optimizer.step()
    assert need.weights == need.gradients == sum(p.nbytes for p in model.parameters())
    state = [value for of in optimizer.state.values() for value in of.values()]
    assert need.optimizer == sum(value.nbytes for value in state if isinstance(value, torch.Tensor))
    assert plan.memory(model.config, row, 6).activations > 1.5 * need.activations
    shared = plan.memory(model.config, row, 3, shards=4)
    assert shared.weights == need.weights // 4 and shared.optimizer == need.optimizer // 4
    assert shared.gathered > need.gathered == 0


def test_rows_are_those_of_the_objective() -> None:
    assert OBJECTIVES["causal-lm"].row_shape(32) == RowShape(32, 0, 32)
    assert OBJECTIVES["masked-lm"].row_shape(32) == RowShape(32, 0, 8)
    row = OBJECTIVES["text-to-text"].row_shape(32)
    assert row.source == 32 and row.positions == row.predicted < 16


def test_what_cannot_fit_is_refused_and_the_param_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config, row = tiny_config(), RowShape(32, 0, 32)
    need = plan.memory(config, row, 1000)
    monkeypatch.setattr(plan, "available_memory", lambda processes: need.total // processes)
    plan.check_memory(config, row, 1000, batch_rows=1000, processes=1, shards=1, name="gpt")
    half = need.total - need.activations // 2
    monkeypatch.setattr(plan, "available_memory", lambda processes: half)
    with pytest.raises(
        UserError, match=r"pretrain\.gpt takes .* GiB.*; set runtime\.micro_batch to \d+ "
    ) as error:
        plan.check_memory(config, row, 1000, batch_rows=1000, processes=1, shards=1, name="gpt")
    fitting = int(str(error.value).split("micro_batch to ")[1].split()[0])
    assert 490 < fitting < 510
    assert plan.memory(config, row, fitting, batch_rows=1000).total <= half
    assert plan.memory(config, row, fitting + 1, batch_rows=1000).total > half
    monkeypatch.setattr(plan, "available_memory", lambda processes: BASE)
    with pytest.raises(UserError, match=r"lower width, layers or context under pretrain\.gpt"):
        plan.check_memory(config, row, 8, batch_rows=8, processes=1, shards=1, name="gpt")
    monkeypatch.setattr(plan, "available_memory", lambda processes: 2 * BASE)
    with pytest.raises(UserError, match=r"lower batch_rows or context under pretrain\.gpt"):
        plan.check_memory(config, row, 8, batch_rows=10**6, processes=1, shards=1, name="gpt")


@pytest.mark.parametrize("family", ["small-gpt", "small-bert", "small-t5", "lstm"])
def test_what_is_too_much_by_arithmetic_is_not_looked_at(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lengths, rows and layers with which counting tensor by tensor took minutes."""
    kind: Kind = (
        "text-to-text" if family == "small-t5" else "masked-lm" if family == "small-bert" else "causal-lm"
    )
    row = OBJECTIVES[kind].row_shape(32)
    for layers in (1, 2):
        config = tiny_config(kind, family, layers=layers)
        for rows in (1, 3):
            least = plan.least_memory(config, row, rows, batch_rows=rows)
            assert least.activations <= plan.memory(config, row, rows).activations / OVERHEAD
            assert least.weights == plan.memory(config, row, rows).weights
    monkeypatch.setattr(plan, "available_memory", lambda processes: 64 << 30)
    monkeypatch.setattr(plan, "saved_bytes", lambda *arguments: pytest.fail("counted tensor by tensor"))
    config = tiny_config(kind, family, layers=1000, context=10_000_000, width=64)
    with pytest.raises(
        UserError, match=r"pretrain\.gpt takes at least [\d,.]+ GiB a process, .*; lower width"
    ):
        row = OBJECTIVES[kind].row_shape(10_000_000)
        plan.check_memory(config, row, 8, batch_rows=8, processes=1, shards=1, name="gpt")


def test_many_layers_are_counted_from_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    config, row = tiny_config(layers=30), RowShape(32, 0, 32)
    quick = plan.parameters(config), plan.saved_bytes(config, row, 2)
    monkeypatch.setattr(plan, "LOOKED_AT", 30)
    assert quick == (plan.parameters(config), plan.saved_bytes(config, row, 2))
