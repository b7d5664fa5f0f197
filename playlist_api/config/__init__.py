"""The environment, read once and checked whole: unsafe or missing settings stop the start."""
