"""Writes the dashboards: one file each, into deploy/grafana or the folder that is named."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import credvend_serve
import gateway
import oauth2_proxy
import vending_api
import who_calls_what

DASHBOARDS = [gateway, vending_api, credvend_serve, oauth2_proxy, who_calls_what]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    for module in DASHBOARDS:
        dashboard = module.dashboard().build()
        text = json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True)
        (folder / f"{dashboard.uid}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
