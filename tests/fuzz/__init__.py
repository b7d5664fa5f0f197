"""Calls that nobody thought of: schemathesis makes them up from the OpenAPI document."""
