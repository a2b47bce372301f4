"""The parts of the web server's entry point, inflow/asgi.py, in which an event loop stands in front of Django."""
