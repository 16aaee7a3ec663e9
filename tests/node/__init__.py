"""The parts of a real node for tests: network namespaces with iptables and packets, etcd, Prometheus, an OTLP
collector and the service itself. All are context managers that leave nothing behind."""
