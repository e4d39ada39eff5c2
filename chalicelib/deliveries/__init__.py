"""Deliveries: packages sent at most once, opt-outs respected, exact counts (the brief: D1-D11)."""
