"""Griffe extension: the comment behind a field becomes its description in the API page's table of attributes."""

from __future__ import annotations

from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Appends an `Attributes:` section to each class's docstring: commented fields, values of an enumeration."""

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        """Called by Griffe when all members of a class are read from its source."""
        fields = [(name, _description(member)) for name, member in cls.members.items() if _is_field(name, member)]
        told = [f"    {name}: {text}" for name, text in fields if text]
        if told and cls.docstring is not None and "Attributes:" not in cls.docstring.value:
            cls.docstring.value += "\n\nAttributes:\n" + "\n".join(told)


def _is_field(name: str, member: Any) -> bool:
    public = not name.startswith("_") and not member.is_alias
    return public and member.is_attribute and "property" not in member.labels


def _description(member: Any) -> str:
    """Text of the first comment in the field's lines; else the value of a name without a type (an enumeration's)."""
    for line in member.lines:
        _, mark, text = line.partition("  # ")
        if mark:
            return str(text.strip())
    return f"`{member.value}`" if member.annotation is None else ""
