"""Proving who somebody is: passwords and tokens."""
