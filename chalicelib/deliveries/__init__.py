"""Deliveries: packages sent at most once, opt-outs respected, exact counts."""
