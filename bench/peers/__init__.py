"""The benchmark policy, written by hand for other systems."""
