"""The command line of `infra.rate_cards`."""

import argparse
import sys

from infra.rate_cards import TARGET, text


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.rate_cards")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        fresh = TARGET.exists() and TARGET.read_text() == text()
        print("the rate cards are compiled" if fresh else "stale: python -m infra.rate_cards")
        return 0 if fresh else 1
    TARGET.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
