"""Supervised actors on Trio: restarts, channels, replies, token scheduling, worker processes."""
