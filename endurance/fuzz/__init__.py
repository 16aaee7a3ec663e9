"""Input that nobody would write, for everything that reads what others wrote: no error but the reader's own."""
