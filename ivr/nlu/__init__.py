"""Words to intents and entities."""
