"""What can be found wrong before a caller finds it."""
