"""The languages that callers speak: one JSON file each, with everything that is no flow's own.

Adding a language is adding a file here, or in a folder `languages` beside a flow; see
docs/languages.md.
"""
