"""`report` and `explain`, as people and programs see them."""
