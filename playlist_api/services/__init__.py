"""The use cases: plain functions, one transaction each, that know nothing of HTTP."""
