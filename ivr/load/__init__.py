"""Many calls at once, by SIPp, and what they were like."""
