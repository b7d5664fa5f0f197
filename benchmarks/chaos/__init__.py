"""Faults under load, and whether the service keeps its promises."""
