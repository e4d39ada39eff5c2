"""Grafana as code: data source, dashboards and what makes them."""
