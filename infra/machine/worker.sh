#!/bin/bash
# Starts the worker under its machine's id, which is asked for at each start: a machine made from an image of this one is
# another, and two workers of one name take each other's work.
set -euo pipefail

metadata=http://169.254.169.254/latest
token=$(curl -sSf --retry 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $metadata/api/token)
AIV1_WORKER_NAME=$(curl -sSf --retry 5 -H "X-aws-ec2-metadata-token: $token" $metadata/meta-data/instance-id)
export AIV1_WORKER_NAME
exec /opt/aiv1/bin/aiv1-worker
