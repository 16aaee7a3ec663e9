"""Rulesets as a kernel, a race or a cut file may show them and no Felix leaves them, all the way to the page."""
