"""A program of pyarrow that uploads: `once BUCKET KEY FILE` uploads FILE and prints what it reads back.

Credentials are those of the AWS SDK for C++'s default chain, which Arrow links.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlparse

from pyarrow.fs import S3FileSystem


def once(bucket: str, key: str, file: str) -> None:
    endpoint = urlparse(os.environ["AWS_ENDPOINT_URL"])
    s3 = S3FileSystem(
        endpoint_override=endpoint.netloc,
        scheme=endpoint.scheme,
        region=os.environ["AWS_REGION"],
        # One PutObject instead of a multipart upload of one part.
        allow_delayed_open=True,
    )
    with s3.open_output_stream(f"{bucket}/{key}") as stream:
        stream.write(Path(file).read_bytes())
    with s3.open_input_stream(f"{bucket}/{key}") as stream:
        sys.stdout.write(stream.read().decode())


if __name__ == "__main__":
    {"once": once}[sys.argv[1]](*sys.argv[2:])
