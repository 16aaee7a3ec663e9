"""The pages at `/` for people: what this node drops and accepts now, and why. Nothing runs while nobody views them."""
