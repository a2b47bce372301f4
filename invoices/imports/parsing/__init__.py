"""Parsers of uploaded files. `imports.process` runs them in a separate process without Django and environment."""
