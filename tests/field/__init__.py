"""Files and a node that were once read wrong, with the whole right answer: README.md."""
