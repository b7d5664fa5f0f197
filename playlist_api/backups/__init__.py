"""Backups of the database and what they are restored from."""
