"""The live session in Redis, the records in PostgreSQL."""
