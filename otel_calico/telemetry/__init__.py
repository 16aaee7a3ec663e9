"""What all exporters share: the OpenTelemetry instruments and resource, and the own metrics of the service."""
