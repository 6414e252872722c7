"""Prepare a data set.

    python tools/prepare_data.py av_digits
    python tools/prepare_data.py multiple_features

``--source DIR`` takes files that are already downloaded, ``--out DIR``
writes elsewhere than to ``data/NAME``. Safe to interrupt and to repeat.
"""
import sys

from mmbalance_plugin.datasets.prepare import main

if __name__ == '__main__':
    sys.exit(main())
