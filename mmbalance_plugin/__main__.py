"""``python -m mmbalance_plugin`` is ``mmbalance``."""
import sys

from .cli.main import main

sys.exit(main())
