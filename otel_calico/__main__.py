"""`python -m otel_calico` is the `otel-calico` command."""

from otel_calico.cli import main

if __name__ == "__main__":
    main()
