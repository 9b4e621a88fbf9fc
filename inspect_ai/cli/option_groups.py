"""Groups of options: a dataclass whose fields are options, taken by several commands and spread out for typer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


def spread(command: Callable[..., R]) -> Callable[..., R]:
    """Make a command that typer reads: a parameter that is a dataclass stands there as one option for each field.

    The parameters of `command` are keyword-only; a field is annotated as a parameter would be.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}

    @wraps(command)
    def flat(**given: Any) -> R:
        made = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        return command(**made, **given)

    parameters = list(_flat(signature(command).parameters.values(), hints, groups))
    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what `inspect.signature` looks for first
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _flat(declared: Iterable[Parameter], hints: dict[str, Any], groups: dict[str, type[Any]]) -> Iterator[Parameter]:
    """Parameters in the order in which help shows them."""
    for parameter in declared:
        group = groups.get(parameter.name)
        if group is None:
            yield parameter.replace(annotation=hints[parameter.name])
        else:
            of_fields = get_type_hints(group, include_extras=True)
            yield from (_parameter(field, of_fields[field.name]) for field in fields(group))


def _parameter(field: Field[Any], annotation: Any) -> Parameter:
    default = Parameter.empty if field.default is MISSING else field.default
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
