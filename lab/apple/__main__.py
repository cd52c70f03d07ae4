"""`python -m lab.apple STATE_FILE URL_FILE`: serve Apple's hosts until ended."""

import sys
from pathlib import Path

from lab.apple.server import Server

if __name__ == "__main__":
    Server(*map(Path, sys.argv[1:])).serve_forever()
