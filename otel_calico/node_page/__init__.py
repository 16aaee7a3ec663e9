"""The page at `/` for people: what this node drops and lets through now, and why. Costs nothing while nobody looks."""
