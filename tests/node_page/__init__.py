"""The page for people: what it says, and what a browser makes of it."""
