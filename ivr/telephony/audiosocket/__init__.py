"""AudioSocket: how Asterisk hands us the sound of a call."""
