"""Bytes to Study: a radiology library of its own, without torch and without Ray."""
