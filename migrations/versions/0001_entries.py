"""The first schema: one append-only table of entries."""

from alembic import op

from inspect_ai.audit.schema import VERSION_1

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in VERSION_1:
        op.get_bind().exec_driver_sql(statement)
