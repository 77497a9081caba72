"""The turn loop: listens, decides when the caller has finished, speaks, can be interrupted."""
