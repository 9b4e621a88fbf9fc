"""Alembic's environment. `inspect_ai.audit` runs it inside its own transaction; there is no other way in."""

from alembic import context

from inspect_ai.audit.schema import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("The audit log migrates itself when it is opened: run `inspect-ai audit list --db FILE`.")
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
