"""Ours against a yardstick, in turn, on one machine. One file a ratio; each also runs alone."""
