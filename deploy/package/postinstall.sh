#!/bin/sh
# Runs after deb and rpm have laid their files down.
set -eu

if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers esferry.conf
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
