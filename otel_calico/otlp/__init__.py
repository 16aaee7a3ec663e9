"""Pushes metrics through the exporters of the OpenTelemetry SDK: OTLP, and the console."""
