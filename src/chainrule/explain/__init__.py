"""Ends of the road: a graph is read."""
