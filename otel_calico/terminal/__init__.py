"""The commands `report` and `explain`: one node, live or saved, for people and for programs."""
