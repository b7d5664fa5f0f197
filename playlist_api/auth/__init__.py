"""Accounts: sign-up, login, sessions, passwords, and the limits that protect them."""
