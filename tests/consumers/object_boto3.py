"""A program of boto3 that uploads: credentials from botocore's default chain, nothing else.

`once BUCKET KEY FILE` uploads FILE and prints what it reads back; `keep BUCKET PREFIX SECONDS` uploads every SECONDS
until its standard input ends, a line for each: `ok KEY` or `failed KEY WHY`.
"""

import select
import sys
import time

import boto3


def once(s3: object, bucket: str, key: str, file: str) -> None:
    s3.upload_file(file, bucket, key)
    sys.stdout.write(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def keep(s3: object, bucket: str, prefix: str, seconds: str) -> None:
    count = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        key = f"{prefix}{count}"
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"kept")
            print(f"ok {key}", flush=True)
        except Exception as error:  # whatever it is, it is a failed upload
            print(f"failed {key} {error!r}", flush=True)
        count += 1
        time.sleep(float(seconds))


if __name__ == "__main__":
    {"once": once, "keep": keep}[sys.argv[1]](boto3.client("s3"), *sys.argv[2:])
