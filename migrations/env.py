"""How `flask db` reaches the database: through the application's own engine."""

import logging

from alembic import context
from flask import current_app
from sqlalchemy import text

logging.basicConfig(format="%(message)s")
progress = logging.getLogger("alembic.runtime.migration")
progress.setLevel(logging.INFO)
progress.addFilter(lambda record: record.getMessage().startswith("Running"))

database = current_app.extensions["migrate"].db

if context.is_offline_mode():
    url = database.engine.url
    context.configure(url=url, target_metadata=database.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with database.engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=database.metadata, compare_server_default=True
        )
        with context.begin_transaction():
            # Of several that upgrade at once, one does it and the others find it done.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('alembic_version'))"))
            context.run_migrations()
