"""The core that decides: (flow, state, input) -> (state, actions). Pure; touches no socket."""
