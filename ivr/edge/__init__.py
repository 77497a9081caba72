"""The edge: Kamailio, as seen from outside it."""
