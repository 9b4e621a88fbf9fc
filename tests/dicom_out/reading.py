"""Reading of structured reports by hand, with nothing but pydicom."""

from collections.abc import Iterator
from typing import Any


def items(node: Any) -> Iterator[Any]:
    """All content items below one, in order."""
    for item in node.get("ContentSequence", []):
        yield item
        yield from items(item)


def concept(item: Any) -> str:
    code = item.ConceptNameCodeSequence[0]
    return f"{code.CodeValue} {code.CodingSchemeDesignator}"


def named(node: Any, name: str) -> list[Any]:
    return [item for item in items(node) if item.get("ConceptNameCodeSequence") and concept(item) == name]


def groups(report: Any) -> list[Any]:
    """Measurement groups."""
    return named(report, "125007 DCM")


def number(node: Any, name: str) -> float:
    (item,) = named(node, name)
    value = item.MeasuredValueSequence[0]
    return float(value.get("FloatingPointValue", value.NumericValue))


def text(node: Any, name: str) -> str:
    return " | ".join(str(item.TextValue) for item in named(node, name))


def code(node: Any, name: str) -> str:
    (item,) = named(node, name)
    found = item.ConceptCodeSequence[0]
    return f"{found.CodeValue} {found.CodingSchemeDesignator}"


def tracking(report: Any) -> list[str]:
    return [named(group, "112040 DCM")[0].UID for group in groups(report)]
