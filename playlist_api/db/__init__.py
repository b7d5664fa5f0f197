"""The database: engine, pool, time-outs, prepared statements, and models."""
