"""Who is let in: what one worker can carry, measured, and what all workers together may."""
