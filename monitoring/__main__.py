"""Writes every generated file."""

from monitoring import dashboard_files, rules

if __name__ == "__main__":
    rules.FILE.write_text(rules.rule_file(), encoding="utf-8")
    rules.AGGREGATES_FILE.write_text(rules.aggregates_file(), encoding="utf-8")
    for name, text in dashboard_files.dashboards().items():
        (dashboard_files.FOLDER / name).write_text(text, encoding="utf-8")
