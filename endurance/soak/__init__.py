"""A node's months in minutes: pods and policies come and go, and everything that should stay flat is watched."""
