"""Seeds of parts of a run, from the seed of the whole."""


def seed_of(seed: int, number: int) -> int:
    """The seed of step, batch or part ``number`` of a run: 64 bits, which torch takes."""
    return (seed * 1_000_003 + number) % 2**64
