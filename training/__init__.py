"""Makes the recognition model that comes with the project, from recordings and synthetic voices.

Run by `make asr-model`, in an environment of its own: nothing here is imported by a worker.
README.md has the data it takes, their licences, and the choices.
"""
