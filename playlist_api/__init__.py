"""A movie playlist service: accounts, sessions and one list of movies each, over REST."""

__version__ = "0.1.0"
