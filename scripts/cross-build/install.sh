#!/bin/sh
# Installs Tidegate from this folder, or brings an installed one up to date:
#   sudo ./install.sh             program, user, unit; configuration and data are never touched
#   sudo ./install.sh --remove    takes the program and the unit away; configuration and data stay
#   ./install.sh --prefix DIR     puts all files below DIR and changes nothing else (images, packages, tests)
set -eu

prefix=
action=install
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2:?--prefix needs a directory}; shift 2 ;;
    --remove) action=remove; shift ;;
    *) echo "Error: unknown option $1" >&2; sed -n '2,5s/^# *//p' "$0" >&2; exit 2 ;;
  esac
done

here=$(cd "$(dirname "$0")" && pwd)
program=$prefix/opt/tidegate
link=$prefix/usr/local/bin/tidegate
unit=$prefix/etc/systemd/system/tidegate.service
sysusers=$prefix/usr/lib/sysusers.d/tidegate.conf
tmpfiles=$prefix/usr/lib/tmpfiles.d/tidegate.conf
config=$prefix/etc/tidegate

fail() {
  echo "Error: $1" >&2
  echo "Try: $2" >&2
  exit 1
}

# True when this machine itself is changed and systemd runs on it.
systemd_runs() { [ -z "$prefix" ] && [ -d /run/systemd/system ]; }

remove() {
  if systemd_runs; then systemctl disable --now tidegate.service || true; fi
  rm -rf "$program" "$link" "$unit" "$sysusers" "$tmpfiles"
  if systemd_runs; then systemctl daemon-reload; fi
  echo "removed $program; configuration stays in $config, data in $prefix/var/lib/tidegate"
}

# The new folder is complete before it takes the place of the old one.
copy_program() {
  mkdir -p "$prefix/opt" "$prefix/usr/local/bin"
  rm -rf "$program.new" "$program.old"
  mkdir "$program.new"
  cp -R "$here/." "$program.new/"
  chmod -R u=rwX,go=rX "$program.new"
  if [ -z "$prefix" ]; then chown -R root:root "$program.new"; fi
  if [ -e "$program" ]; then mv "$program" "$program.old"; fi
  mv "$program.new" "$program"
  rm -rf "$program.old"
  ln -sfn /opt/tidegate/bin/tidegate "$link"
}

copy_unit() {
  mkdir -p "${unit%/*}" "${sysusers%/*}" "${tmpfiles%/*}"
  cp "$here/systemd/tidegate.service" "$unit"
  cp "$here/systemd/tidegate.sysusers.conf" "$sysusers"
  cp "$here/systemd/tidegate.tmpfiles.conf" "$tmpfiles"
  chmod 644 "$unit" "$sysusers" "$tmpfiles"
}

copy_example() {
  mkdir -p "$config/credentials"
  cp "$here/examples/site.yaml" "$config/example.yaml"
  chmod 755 "$config"
  chmod 750 "$config/credentials"
  chmod 644 "$config/example.yaml"
}

make_user() {
  if ! id tidegate >/dev/null 2>&1; then
    if command -v systemd-sysusers >/dev/null; then systemd-sysusers "$sysusers"
    else useradd --system --user-group --home-dir /var/lib/tidegate --shell /usr/sbin/nologin tidegate; fi
  fi
  chgrp tidegate "$config/credentials"
}

install() {
  if [ -z "$prefix" ]; then
    [ "$(id -u)" = 0 ] || fail "installing needs root" "sudo $0"
    "$here/bin/tidegate" version >/dev/null || fail "this package does not run on this machine ($(uname -m))" \
      "take the package for its architecture; Debian 12, Ubuntu 22.04 or newer"
  fi
  copy_program
  copy_unit
  copy_example
  if [ -z "$prefix" ]; then make_user; fi
  if systemd_runs; then
    systemctl daemon-reload
    systemctl enable --quiet tidegate.service
    systemctl try-restart tidegate.service
  fi
  echo "installed $program ($("$program/bin/tidegate" version 2>/dev/null | head -n 1))"
  if [ -e "$config/config.yaml" ]; then
    echo "next:  tidegate check      systemctl restart tidegate"
  else
    echo "next:  install -m 640 -g tidegate $config/example.yaml $config/config.yaml"
    echo "       make it yours, then:  tidegate check      systemctl start tidegate"
  fi
}

"$action"
