"""A program of boto3 that uploads: credentials from botocore's default chain, nothing else.

`once BUCKET KEY FILE` uploads FILE and prints what it reads back; `keep BUCKET PREFIX` uploads five times a second until
it is stopped, a line for each: `ok KEY` or `failed KEY WHY`.
"""

import itertools
import os
import select
import sys
import time

# Python's own sleep is an "invalid argument" under a clock that libfaketime moves. botocore takes it when it is imported.
if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    time.sleep = lambda seconds: select.select([], [], [], seconds)

import boto3  # noqa: E402


def once(s3: object, bucket: str, key: str, file: str) -> None:
    s3.upload_file(file, bucket, key)
    sys.stdout.write(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def keep(s3: object, bucket: str, prefix: str) -> None:
    for count in itertools.count():
        key = f"{prefix}{count}"
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"kept")
            print(f"ok {key}", flush=True)
        except Exception as error:  # whatever it is, it is a failed upload
            print(f"failed {key} {error!r}", flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    {"once": once, "keep": keep}[sys.argv[1]](boto3.client("s3"), *sys.argv[2:])
