"""Parsers of uploaded files. They run in a process of their own, without Django, the database and the environment.

`process` starts that process, limits its time and its memory, and ends it.
"""
