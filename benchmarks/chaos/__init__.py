"""Faults under load, each several times, and a journal of what was acknowledged: `make chaos`."""
