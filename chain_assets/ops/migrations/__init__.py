"""Alembic's scripts: each file of `versions` makes one release's tables into the next one's."""
