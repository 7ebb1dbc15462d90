#!/bin/sh
# Makes the bucket of the artifacts, and a user for each service with the policy of its name. It may run again at any time: what
# counts is what is given now. It runs in the image of MinIO, which has a shell, the client "mc", and little else.
set -eu
here=${0%/*}

# The password goes by a pipe: arguments of a process are for all to read.
allow() {
  mc admin policy create store "$1" "$here/policies/$1.json"
  printf '%s\n' "$2" | mc admin user add store "$1"
  mc admin policy attach store "$1" --user "$1"
}

mc mb --ignore-existing "store/$S3_BUCKET"
allow gateway "$S3_PASSWORD_GATEWAY"
allow dataset "$S3_PASSWORD_DATASET"
allow trainer "$S3_PASSWORD_TRAINER"
allow merger "$S3_PASSWORD_MERGER"
allow evaluator "$S3_PASSWORD_EVALUATOR"
allow publisher "$S3_PASSWORD_PUBLISHER"

# Buckets of data are the operator's, and only read.
buckets='' objects='' data=${TMPDIR:-/tmp}/data.json
IFS=', '
for bucket in ${DATA_BUCKETS:-}; do
  buckets="${buckets:+$buckets, }\"arn:aws:s3:::$bucket\""
  objects="${objects:+$objects, }\"arn:aws:s3:::$bucket/*\""
done
if [ -n "$buckets" ]; then
  printf '{ "Version": "2012-10-17", "Statement": [
    { "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [%s] },
    { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [%s] } ] }\n' "$buckets" "$objects" >"$data"
  mc admin policy create store data "$data"
  mc admin policy attach store data --user dataset
elif mc admin policy info store data >/dev/null 2>&1; then
  mc admin policy detach store data --user dataset
fi
