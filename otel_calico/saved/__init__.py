"""Output of commands as people save and mail it: from bytes to the tables of rules in them."""
