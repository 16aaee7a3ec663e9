"""What developers run by hand: each script says in its first lines what it does."""
