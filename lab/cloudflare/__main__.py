"""`python -m lab.cloudflare STATE_FILE URL_FILE`: serve the API until ended."""

import sys
from pathlib import Path

from lab.cloudflare.server import Server

if __name__ == "__main__":
    Server(*map(Path, sys.argv[1:])).serve_forever()
