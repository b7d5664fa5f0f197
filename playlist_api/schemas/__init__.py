"""The shape of every body and query, in and out. Schemas check and convert, and ask no database."""
