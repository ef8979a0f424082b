"""Engines: ports, what runs a model behind each, and the actor that serves it to all streams."""
