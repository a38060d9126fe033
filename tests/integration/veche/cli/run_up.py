"""`veche up` with the stand-in for the services: ``python -m … --state DIR --port PORT``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from veche.cli.up import command as up

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    up.add_arguments(parser)
    stand_in = str(Path(__file__).with_name("stand_in.py"))
    sys.exit(up.run(parser.parse_args(), program=(sys.executable, stand_in)))
