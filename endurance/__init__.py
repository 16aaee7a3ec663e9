"""What a service must bear that runs on every node for years: a soak, faults, and input nobody would write.

Each part is a command (`python -m endurance.soak`, `.faults`, `.fuzz`, `.audit`) that ends by itself, prints a table
and exits with 1 if a promise broke. The suite runs a short form of each.
"""
