"""What was measured: kept as files, and shown as one page."""
