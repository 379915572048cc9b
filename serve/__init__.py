"""The first endpoint: a study's files in by HTTP, its 25 findings out, on Ray Serve."""
