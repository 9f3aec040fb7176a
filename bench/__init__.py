"""Measurements of this service, as ratios of pairs measured in turn on the same machine.

`make bench` runs them. Absolute figures swing with the load of the machine; ratios hold.
"""
