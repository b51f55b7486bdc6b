"""How published configs say by which angles positions turn queries and keys."""

from collections.abc import Mapping
from typing import Any

from tokenmill.core.errors import UserError, shown


def rotary_base(parameters: Mapping[str, Any], default: float, where: str) -> float:
    """The base of plain rotary positions.

    Args:
        parameters: an object with rope_type and rope_theta.
        default: base where it names none.
        where: its key in config.json, for the message.

    Raises:
        UserError: it asks for positions that are stretched or turned in another way.
    """
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if kind != "default":
        raise UserError(
            f"config.json: rope_type must be default, got {shown(kind)} in {where}; use a model with that"
        )
    for key, value in parameters.items():
        plain = value is None or (key == "partial_rotary_factor" and value == 1)
        if key not in ("rope_type", "type", "rope_theta") and not plain:
            raise UserError(f"config.json: {where}.{shown(key)} is not supported; use a model without it")
    base = parameters.get("rope_theta")
    base = default if base is None else base
    if type(base) not in (int, float) or not 0 < base < 1e30:
        raise UserError(f"config.json: {where}.rope_theta must be a number above 0, got {shown(base)}")
    return float(base)
