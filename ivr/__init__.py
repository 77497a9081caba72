"""ivr: a conversational IVR backend that answers calls for real."""

__version__ = "0.1.0"
