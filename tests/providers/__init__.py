"""Strict stand-ins for the platforms: real servers on loopback, that refuse what the real ones refuse."""
