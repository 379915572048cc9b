"""What `ray job submit` runs: each file parses arguments, calls one pipeline, prints JSON."""
