"""Pure sound: formats, G.711, resampling, playout and voice activity. No sockets, no engines."""
