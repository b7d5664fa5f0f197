"""Lists of movies from files: what is in them, and what of it a list does not have yet.

A file is read from its first byte to its last before the database is asked anything: `encodings`
finds out how its text is written, `formats` knows whose files there are, `tables` and `documents`
read CSV and JSON, `rows` loads each row as a client's movie would be, and `files` does all of it.
`lists` then compares the rows with somebody's list, and adds what is new.
"""
