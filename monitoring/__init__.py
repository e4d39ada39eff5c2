"""What shows Backroom running: an exporter, and what Prometheus and Grafana are told."""
