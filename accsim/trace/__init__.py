"""Traces of the stepped engine: what happened when, as files that other tools open."""
