"""Modalities by their names."""
import numpy as np
import pytest
import torch

from mmbalance_plugin.datasets.transforms import PackMultimodalInputs
from mmbalance_plugin.media import MediaError


def sample(**extra):
    return dict(
        imgs=np.full((1, 3, 4, 4), 9, dtype=np.uint8),
        audios=torch.full((1, 5, 6), 0.5), label=2, sample_idx=7,
        filename='a.mp4', audio_path='a.mp4', img_shape=(4, 4), **extra)


def test_renames_and_labels():
    packed = PackMultimodalInputs()(sample())
    assert set(packed) == {'inputs', 'data_samples'}
    assert list(packed['inputs']) == ['visual', 'audio']
    assert packed['inputs']['visual'].dtype == torch.uint8
    assert packed['inputs']['audio'].shape == (1, 5, 6)
    data_sample = packed['data_samples']
    assert data_sample.gt_label.tolist() == [2]
    assert data_sample.metainfo == dict(
        sample_idx=7, filename='a.mp4', audio_path='a.mp4', img_shape=(4, 4),
        modality_mask=dict(visual=True, audio=True))


def test_any_modalities():
    packed = PackMultimodalInputs(
        inputs=dict(rgb='imgs', flow='flows', sound='audios'),
        meta_keys=('sample_idx', ))(sample(flows=np.zeros((2, 2))))
    assert list(packed['inputs']) == ['rgb', 'flow', 'sound']
    assert packed['data_samples'].metainfo == dict(sample_idx=7)


def test_masked_modality_has_no_rows_and_is_marked():
    results = sample(masked_keys={'audios'})
    packed = PackMultimodalInputs()(results)
    # Zeros could be taken for content.
    assert packed['inputs']['audio'].shape == (0, 1, 5, 6)
    assert packed['inputs']['visual'].all()
    assert packed['data_samples'].modality_mask == dict(
        visual=True, audio=False)
    # It travels whatever meta_keys says.
    packed = PackMultimodalInputs(meta_keys=())(results)
    assert packed['data_samples'].modality_mask['audio'] is False
    # What came in is as it was.
    assert results['audios'].all()


def test_nothing_left():
    for transform, masked in ((PackMultimodalInputs(), {'imgs', 'audios'}),
                              (PackMultimodalInputs(dict(audio='audios')),
                               {'audios'})):
        with pytest.raises(MediaError, match='a.mp4: has none of the modal'):
            transform(sample(masked_keys=masked))


def test_absent_key_is_named():
    results = sample()
    del results['audios']
    with pytest.raises(KeyError, match='modality "audio" is packed from "au'):
        PackMultimodalInputs()(results)


def test_keeps_no_open_file():
    """Packed samples cross to the main process."""
    packed = PackMultimodalInputs()(sample(media_readers={'a': object()}))
    assert 'media_readers' not in packed
    assert 'visual' in repr(PackMultimodalInputs())


@pytest.mark.parametrize('label', [
    .9, np.array([.9]), [.9], np.float32(1), True, torch.tensor([.9])])
def test_labels_that_are_no_integers(label):
    """MMAction2 packs most of these as class 0."""
    with pytest.raises(ValueError, match='labels of a.mp4 must be class num'):
        PackMultimodalInputs()(dict(sample(), label=label))


def dropped(drop, index, **extra):
    """What a sample lacks."""
    results = dict(sample(), sample_idx=index, **extra)
    mask = PackMultimodalInputs(drop=drop)(results)[
        'data_samples'].modality_mask
    return tuple(m for m, there in mask.items() if not there)


def test_modalities_are_dropped_from_a_share_of_the_samples():
    drop = dict(audio=.2, visual=.4)
    found = [dropped(drop, i) for i in range(2000)]
    assert set(found) == {(), ('audio', ), ('visual', )}
    for lacks, share in (((), .4), (('audio', ), .2), (('visual', ), .4)):
        assert found.count(lacks) / 2000 == pytest.approx(share, abs=.03)
    # The same ones each time, whatever else is loaded.
    assert found == [dropped(drop, i) for i in range(2000)]
    index = found.index(('audio', ))
    packed = PackMultimodalInputs(drop=drop)(
        dict(sample(needed=('audio', )), sample_idx=index))
    assert packed['inputs']['audio'].shape == (0, 1, 5, 6)
    # What lacks something keeps the rest.
    assert dropped(dict(audio=1.), 0, masked_keys={'imgs'}) == ('visual', )
    assert dropped(dict(audio=1.), 0) == ('audio', )


@pytest.mark.parametrize('drop', [
    dict(sound=.1), dict(audio=.6, visual=.6), dict(audio=-.1)])
def test_shares_to_drop_that_cannot_be(drop):
    with pytest.raises(ValueError, match='drop gives shares.*visual.*audio'):
        PackMultimodalInputs(drop=drop)


def test_several_labels_are_zeros_and_ones():
    results = dict(sample(), label=torch.tensor([1., 0., 1.]))
    label = PackMultimodalInputs()(results)['data_samples'].gt_label
    assert label.tolist() == [1., 0., 1.]
    with pytest.raises(ValueError, match=r'labels of a\.mp4 must be 0 or 1 '
                       r'for each class.*one is 0\.5'):
        PackMultimodalInputs()(dict(results, label=[.5, 1.]))
