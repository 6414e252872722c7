"""A stage loads, prepares and encodes only the modalities that it needs."""
import pytest
from mmengine.config import Config

from mmbalance_plugin.datasets.selection import load_only
from mmbalance_plugin.datasets.transforms import (
    PackMultimodalInputs,
    PerModality,
)
from mmbalance_plugin.models.data_preprocessors import (
    MultimodalDataPreprocessor,
)
from tests.engine.digits import ROOT, digits_cfg, train


def selective(cfg):
    """With packing that can leave modalities out."""
    pack = dict(
        type='mmbalance_plugin.PackMultimodalInputs',
        inputs=dict(audio='audio', visual='visual'),
        meta_keys=('sample_idx', ))
    for key in ('train', 'val', 'test'):
        cfg[f'{key}_dataloader'].dataset.pipeline = [pack]
    return cfg


@pytest.fixture
def seen(monkeypatch):
    """Modalities of each batch as loaded, by training or not."""
    seen = []
    forward = MultimodalDataPreprocessor.forward

    def watched(self, data, training=False):
        prepared = forward(self, data, training)
        seen.append((training, tuple(data['inputs']),
                     tuple(prepared['inputs'])))
        return prepared

    monkeypatch.setattr(MultimodalDataPreprocessor, 'forward', watched)
    return seen


def stages(seen):
    """The same without repetitions."""
    return [s for i, s in enumerate(seen) if i == 0 or s != seen[i - 1]]


def test_late_fusion_loads_one_modality_at_a_time(tmp_path, seen):
    loop = dict(
        max_epochs=1,
        stages=[dict(name=m, train=[m]) for m in ('audio', 'visual')])
    train(selective(digits_cfg(tmp_path, loop, n_train=64, n_val=32)))
    both = ('audio', 'visual')
    # All encoders are tried on a sample first.
    assert stages(seen) == [
        (False, both, both),
        (True, ('audio', ), ('audio', )), (False, ('audio', ), ('audio', )),
        (True, ('visual', ), ('visual', )),
        (False, ('visual', ), ('visual', )), (False, both, both)
    ]


@pytest.mark.parametrize('cached', [True, False])
def test_a_follower_loads_the_anchor_only_where_it_runs(
        tmp_path, seen, cached):
    loop = dict(
        type='mmbalance_plugin.UDITrainLoop',
        max_epochs=1,
        anchor='audio',
        cache_anchor=cached)
    train(selective(digits_cfg(tmp_path, loop, n_train=64, n_val=32)))
    followers = [s for s in stages(seen) if s[0]][2:]
    wanted = ('visual', ) if cached else ('audio', 'visual')
    assert followers == [(True, wanted, wanted)]


def test_packing_that_cannot_choose_is_left_alone(tmp_path, seen):
    loop = dict(max_epochs=1, stages=[dict(name='audio', train=['audio'])])
    train(digits_cfg(tmp_path, loop, n_train=64, n_val=32))
    both = ('audio', 'visual')
    # Loaded, but not moved to the device.
    assert stages(seen)[1] == (True, both, ('audio', ))


class Counting:
    """A transform that puts something in and counts."""

    deterministic = True

    def __init__(self, key):
        self.key, self.calls = key, 0

    def __call__(self, results):
        self.calls += 1
        return dict(results, **{self.key: [0.]})


def test_only_transforms_of_what_is_needed_run():
    picture, sound = Counting('imgs'), Counting('audios')
    transform = PerModality(visual=[picture], audio=[sound])
    pack = PackMultimodalInputs()
    packed = pack(transform(dict(label=1, needed=('audio', ))))
    assert list(packed['inputs']) == ['audio']
    assert (picture.calls, sound.calls) == (0, 1)
    packed = pack(transform(dict(label=1)))
    assert set(packed['inputs']) == {'audio', 'visual'}
    assert (picture.calls, sound.calls) == (1, 2)
    assert transform.deterministic
    sound.deterministic = False
    assert not transform.deterministic


def test_shipped_sets_of_clips_can_choose():
    for name in ('audio_visual_clips', 'audio_visual_clips_cached',
                 'short_clips', 'short_clips_cached'):
        cfg = Config.fromfile(ROOT / f'configs/_base_/datasets/{name}.py')
        kinds = [
            t['type'] for t in cfg.train_dataloader.dataset.pipeline
        ]
        assert kinds == [
            'mmbalance_plugin.PerModality',
            'mmbalance_plugin.PackMultimodalInputs'
        ]


def test_workers_that_persist_start_anew():

    class Loader:
        dataset, _iterator = object(), 'old'

    loader = Loader()
    load_only(loader, ('audio', ))
    assert loader._iterator is None
