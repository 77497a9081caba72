"""The types of nodes, one a file; `ivr.dialogue.node_kinds` lists them."""
