"""Writes every generated file."""

from monitoring import rules

if __name__ == "__main__":
    rules.FILE.write_text(rules.rule_file(), encoding="utf-8")
