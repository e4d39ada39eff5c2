"""Every measurement, one after the other: ``python -m bench`` (about a quarter of an hour).

``python -m bench.goals`` (``make bench``) measures the goals alone, in under ten minutes.
"""

import runpy
import sys

MEASUREMENTS = (
    *("goals", "warm", "coldstart", "parsing", "storing", "calls"),
    *("counters", "local_stack", "deliveries", "warranties", "alarms"),
)


def main() -> None:
    """Run each measurement as if it had been called by itself."""
    for name in MEASUREMENTS:
        print(f"\n## bench.{name}\n", flush=True)
        sys.argv = [name]
        runpy.run_module(f"bench.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
