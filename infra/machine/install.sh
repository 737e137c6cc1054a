#!/bin/bash
# Sets a Debian 12 machine up, as root, from the unpacked release in /opt/aiv1:
#
#   /opt/aiv1/machine/install.sh worker|loop REGION
#
# /etc/aiv1/environment has been written by who calls. May be run again; each failure names its fix.
set -euo pipefail

role=${1:?worker or loop}
region=${2:?the AWS region}
release=/opt/aiv1

fail() { printf 'aiv1 install: %s\n' "$*" >&2; exit 1; }

case $role in worker | loop) ;; *) fail "$role is no role: say worker or loop" ;; esac
[ "$(id -u)" = 0 ] || fail "not root: run it with sudo"
[ -s /etc/aiv1/environment ] || fail "/etc/aiv1/environment is missing: infra/workers.yaml has what belongs into it"
[ -x $release/bin/aiv1-worker ] || fail "$release/bin has no aiv1-worker: unpack a release made by make deploy-workers"

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates curl ffmpeg gcc libc6-dev util-linux ||
  fail "apt-get could not install ffmpeg and gcc: does this subnet reach deb.debian.org (port 80 out, NAT or public address)?"

if ! systemctl is-active --quiet amazon-ssm-agent; then
  agent=$(mktemp --suffix=.deb)
  curl -sSfo "$agent" "https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/debian_$(dpkg --print-architecture)/amazon-ssm-agent.deb" ||
    fail "the SSM agent could not be fetched from $region: without it nobody gets onto this machine"
  dpkg -i "$agent"
  rm "$agent"
  systemctl enable --now amazon-ssm-agent
fi

id aiv1 >/dev/null 2>&1 || useradd --system --home-dir /var/lib/aiv1 --shell /usr/sbin/nologin aiv1
# The compiler is root's; what the service itself writes is below the folders that its unit names.
$release/machine/wasm-toolchain.sh --debian /usr/local/lib/aiv1 || fail "no rustc for wasm32-unknown-unknown: its message is above"

install -m 644 "$release/machine/aiv1-$role.service" /etc/systemd/system/
install -D -m 644 $release/machine/hardening.conf "/etc/systemd/system/aiv1-$role.service.d/hardening.conf"
systemctl daemon-reload
systemctl enable "aiv1-$role"
began=$(date '+%F %T')
systemctl restart "aiv1-$role"

# A service that ends at once and is started again counts as active: the program itself has to answer.
case $role in
  worker) curl -sSf --retry 90 --retry-delay 2 --retry-connrefused -o /dev/null http://127.0.0.1:9437/health ;;
  loop) timeout 180 grep -qm 1 'the loop runs' <(journalctl --follow --since "$began" -u aiv1-loop) ;;
esac || fail "aiv1-$role does not run after three minutes: journalctl -u aiv1-$role says why"
