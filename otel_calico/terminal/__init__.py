"""The commands `report` and `explain`: text and tables for people, JSON for programs."""
