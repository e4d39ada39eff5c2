#!/bin/sh
# Get Prometheus, promtool and node-exporter into .monitoring/: Debian's packages, unpacked and not
# installed, so that it takes no root and starts no service. Does nothing where they are there.
set -eu
cd "$(dirname "$0")/../.."
there() { PATH="$PATH:$PWD/.monitoring/debian/usr/bin" command -v "$1" >/dev/null; }
if there prometheus && there promtool && there prometheus-node-exporter; then
  exit 0
fi
mkdir -p .monitoring/debian
cd .monitoring/debian
apt-get download -qq prometheus prometheus-node-exporter 2>/dev/null || {
  apt-get update -qq # a fresh machine has no lists; this does take root
  apt-get download -qq prometheus prometheus-node-exporter
}
for package in ./*.deb; do
  dpkg -x "$package" .
  rm "$package"
done
echo "  Prometheus is in .monitoring/debian/usr/bin"
