"""Sound from words."""
