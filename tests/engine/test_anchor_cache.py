"""The anchor's cached outputs are those of the very samples, or there are
none."""
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from torch.utils.data import DataLoader

from mmbalance_plugin.datasets import ArrayDataset, Arrays
from mmbalance_plugin.engine.anchor_cache import (
    AnchorCache,
    build_anchor_cache,
)
from mmbalance_plugin.utils.sample_batch import sample_ids
from tests.models.recognizers import toy
from tests.pretended_card import CARD, waits_for_the_card

MODALITIES = ('rgb', 'flow')
SIZE = 70


def pack(*meta_keys):
    return dict(
        type='mmaction.PackActionInputs',
        collect_keys=MODALITIES,
        meta_keys=meta_keys)


class Vectors(ArrayDataset):

    def load_arrays(self):
        inputs, _ = toy.batch(MODALITIES, SIZE)
        return Arrays(inputs, torch.arange(SIZE) % toy.CLASSES)


class RareFlip:
    """Turns one of twenty samples round."""

    def __call__(self, results):
        if torch.rand(1) < .05:
            results = dict(results, rgb=results['rgb'].flip(0))
        return results


def vectors(*transforms, meta_keys=('sample_idx', )):
    return Vectors(pipeline=[*transforms, pack(*meta_keys)])


def cache_of(dataset, mode='auto', **kwargs):
    model = toy.build(MODALITIES)
    loader = DataLoader(
        dataset, batch_size=16, shuffle=True, collate_fn=pseudo_collate)
    return model, loader, build_anchor_cache(
        model, loader, 'rgb', mode, **kwargs)


@pytest.mark.parametrize('wrap', [
    lambda data: data, lambda data: RepeatDataset(data, 3)])
def test_outputs_are_those_of_the_samples(wrap):
    model, loader, cache = cache_of(wrap(vectors()), True)
    assert len(cache.features) == SIZE
    model.eval()
    for batch in loader:
        data = model.data_preprocessor(batch, False)
        with torch.no_grad():
            features = model.extract_feat(data['inputs'], ('rgb', ))
            logits = model.head.unimodal_logits(features, ('rgb', ))
        torch.testing.assert_close(
            cache.look_up(sample_ids(data['data_samples'])),
            (features['rgb'], logits['rgb']))


@pytest.mark.parametrize('dataset, reason', [
    (vectors(RareFlip()), 'RareFlip'),
    (RepeatDataset(vectors(RareFlip()), 2), 'RareFlip'),
    (ConcatDataset([vectors(), vectors(RareFlip())]), 'RareFlip'),
    (ConcatDataset([vectors(), vectors()]), 'tell the samples of ConcatD'),
    (vectors(meta_keys=()), 'meta_keys'),
])
def test_else_it_is_refused_before_anything_is_run(dataset, reason,
                                                   monkeypatch):
    monkeypatch.setattr('mmbalance_plugin.engine.anchor_cache.feature_bank',
                        None)
    assert cache_of(dataset)[2] is None
    with pytest.raises(ValueError, match=f'cache_anchor=True, but .*{reason}'):
        cache_of(dataset, True)


def test_samples_that_name_another_position_are_refused():

    class Swapped(Vectors):
        deterministic = True

        def get_data_info(self, idx):
            info = super().get_data_info(idx)
            return dict(info, sample_idx={2: 3, 3: 2}.get(idx, idx))

    assert cache_of(Swapped(pipeline=[pack('sample_idx')]))[2] is None


def peak_of(function):
    """Bytes that torch held at once while a function ran, and its value."""
    with torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU],
            profile_memory=True) as profiler:
        value = function()
    held = peak = 0
    events = profiler.profiler.kineto_results.events()
    for event in sorted(events, key=lambda event: event.start_ns()):
        if event.name() == '[memory]':
            held += event.nbytes()
            peak = max(peak, held)
    return peak, value


def test_little_more_memory_than_what_is_kept(monkeypatch):
    monkeypatch.setitem(toy.CHANNELS, 'rgb', 4096)
    dataset = RepeatDataset(vectors(), 1)
    model = toy.build(MODALITIES)
    loader = DataLoader(dataset, batch_size=2, collate_fn=pseudo_collate)
    peak, cache = peak_of(lambda: build_anchor_cache(model, loader, 'rgb'))
    kept = 4 * (cache.features.numel() + cache.logits.numel())
    assert kept > 1e6 and peak < 1.5 * kept


# ---- on a card ---------------------------------------------------------
@pytest.mark.parametrize('home', [CARD, 'cpu'])
def test_a_look_up_does_not_wait(home):
    cache = AnchorCache(
        torch.zeros(9, 4, device=home), torch.zeros(9, 3, device=home),
        torch.device(CARD))
    _, samples = toy.batch(size=6)
    for index, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_idx=index))
    with waits_for_the_card() as waits:
        features, logits = cache.look_up(sample_ids(samples))
    assert waits == [] and features.is_meta and logits.is_meta
    assert features.shape == (6, 4) and logits.shape == (6, 3)


def test_where_the_cache_is_kept():
    _, _, cache = cache_of(vectors(), device='meta')
    assert cache.features.is_meta and cache.device.type == 'cpu'
