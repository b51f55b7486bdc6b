"""Budgets: what is named stays, what is left to the formulas follows from the tokens."""

from tokenmill.pretraining.budget import matrix_rate, new_budget


def test_named_settings_stay() -> None:
    budget = new_budget(6400, row_tokens=32, batch_rows=4, learning_rate=0.5)
    assert (budget.steps, budget.batch_rows, budget.learning_rate, budget.tokens) == (50, 4, 0.5, 6400)
    assert new_budget(1, row_tokens=32, batch_rows=4).steps == 1


def test_batches_grow_with_the_budget_as_in_the_published_fit() -> None:
    rows = [new_budget(tokens, row_tokens=2048).batch_rows for tokens in (10**6, 10**9, 10**11)]
    assert rows == [2, 64, 1024]  # twice the Step Law's 1,547, 80,000 and 1.1 million tokens
    assert [new_budget(tokens, row_tokens=128).batch_rows for tokens in (131_072, 524_288)] == [8, 16]


def test_the_rate_grows_with_the_batch_and_not_without_end() -> None:
    rates = [matrix_rate(batch) for batch in (256, 1024, 4096, 10**6)]
    assert rates == [0.01, 0.02, 0.04, 0.04]
