"""The switches: each one hands us a `Call`."""
