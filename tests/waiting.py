"""Waiting for what is about to be true."""

from dev.processes import eventually as eventually
