"""Settings: flags over environment over YAML file over defaults. The only place that reads the environment."""
