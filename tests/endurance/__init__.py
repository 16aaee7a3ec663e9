"""Short forms of the soak, the faults and the fuzzing, so that a regression is caught by the suite."""
