"""The world that flows ask: named REST integrations."""
