"""The demo: a whole call, really made, spoken and shown."""
