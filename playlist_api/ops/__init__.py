"""What operators see and depend on: log, metrics, Sentry, mail, bulkheads."""
