"""Roles of accounts, and the rights that each one has."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from inspect_ai.errors import UsageError


class Role(StrEnum):
    """Role of an account."""

    READER = "reader"
    LEAD = "lead"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """Right to a kind of page or move."""

    LOOK = "look"  # the queue and its cases
    ANSWER = "answer"
    REOPEN_ANY = "reopen_any"  # an answer that somebody else gave
    ASSIGN = "assign"
    MEASURE = "measure"  # performance pages
    PROPOSE = "propose"  # another line
    READ_LOG = "read_log"
    EXPORT = "export"
    ACCOUNTS = "accounts"


_READER = frozenset({Right.LOOK, Right.ANSWER})
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.READER: _READER,
    Role.LEAD: _READER | {Right.REOPEN_ANY, Right.ASSIGN, Right.MEASURE, Right.PROPOSE, Right.READ_LOG, Right.EXPORT},
    Role.AUDITOR: frozenset({Right.LOOK, Right.MEASURE, Right.READ_LOG, Right.EXPORT}),
    Role.ADMINISTRATOR: frozenset({Right.ACCOUNTS, Right.READ_LOG}),
}


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """All rights that some of the roles have."""
    return frozenset(right for role in roles for right in RIGHTS[role])


def roles_from(words: Iterable[str]) -> frozenset[Role]:
    """Roles by their names. Raises UsageError for another word."""
    found = set()
    for word in words:
        try:
            found.add(Role(word))
        except ValueError:
            raise UsageError(f"{word!r} is no role. Say one of: {', '.join(Role)}.") from None
    return frozenset(found)
