"""A list of movies: create, read, change, delete; pages and searches."""
