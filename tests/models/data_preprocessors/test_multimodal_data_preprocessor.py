"""MultimodalDataPreprocessor: what MMAction2's lets pass is refused."""
import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmbalance_plugin.models.data_preprocessors import (
    MultimodalDataPreprocessor,
)
from mmbalance_plugin.registry import MODELS
from tests.pretended_card import CARD, waits_for_the_card

FRAMES = dict(
    type='ActionDataPreprocessor',
    mean=[10., 20., 30.],
    std=[1., 2., 3.],
    format_shape='NCHW')


def build(**kwargs):
    kwargs.setdefault(
        'preprocessors',
        dict(rgb=dict(FRAMES), text=dict(mean=[1., 2.], std=2.), pose=None))
    return MODELS.build(dict(type='MultimodalDataPreprocessor', **kwargs))


def data(size=3):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return [
            torch.randn(*shape, generator=generator) for _ in range(size)
        ]

    frames = [(100 * value).abs().clamp(0, 255).byte()
              for value in draw(2, 3, 4, 4)]
    samples = [
        ActionDataSample(metainfo=dict(sample_idx=40 + i)).set_gt_label(i)
        for i in range(size)
    ]
    return dict(
        inputs=dict(rgb=frames, text=draw(2), pose=draw(7, 3)),
        data_samples=samples)


def test_each_modality_goes_its_own_way():
    given = data()
    kept = {m: list(values) for m, values in given['inputs'].items()}
    out = build()(given, training=True)
    inputs = out['inputs']
    frames = torch.stack(kept['rgb']).float()
    mean, std = (torch.tensor(FRAMES[k]).view(3, 1, 1) for k in
                 ('mean', 'std'))
    torch.testing.assert_close(inputs['rgb'], (frames - mean) / std)
    # MMAction2 makes (1, B, D) of a vector with statistics.
    text = torch.stack(kept['text'])
    assert inputs['text'].shape == (3, 2)
    torch.testing.assert_close(inputs['text'],
                               (text - torch.tensor([1., 2.])) / 2)
    assert torch.equal(inputs['pose'], torch.stack(kept['pose']))
    assert all(value.dtype == torch.float32 for value in inputs.values())
    assert [s.sample_idx for s in out['data_samples']] == [40, 41, 42]


def test_stacked_input_and_bare_inference():
    given = data()
    listed = build()(data())['inputs']
    stacked = {m: torch.stack(v) for m, v in given['inputs'].items()}
    out = build()(dict(inputs=stacked))
    assert out['data_samples'] is None
    for m, value in listed.items():
        assert torch.equal(out['inputs'][m], value)


def test_the_batch_goes_to_the_device():
    net = build(preprocessors=dict(text=dict(mean=1.))).to('meta')
    net.preprocessors['text'].mean = torch.ones(1, device='meta')
    given = data()
    given['inputs'] = dict(text=given['inputs']['text'])
    out = net(given)
    assert out['inputs']['text'].device.type == 'meta'
    # Labels stay: one transfer later instead of one a sample.
    assert out['data_samples'][0].gt_label.device.type == 'cpu'


def spoil(**kwargs):
    given = data()
    given.update(kwargs.pop('top', {}))
    if isinstance(given['inputs'], dict):
        for name, value in kwargs.items():
            if value is None:
                del given['inputs'][name]
            else:
                given['inputs'][name] = value
    return given


NAN = torch.tensor([1., float('nan')])
INF = torch.tensor([float('inf'), 1.])


@pytest.mark.parametrize('given, message', [
    (spoil(text=None), r"lacks \['text'\].*collect_keys"),
    (spoil(heat=[torch.zeros(1)] * 3), r"has \['heat'\], which nobody takes"),
    (spoil(text=None, heat=[torch.zeros(1)] * 3), 'lacks.*and has'),
    (spoil(text=[torch.zeros(2)] * 2), "'text': 2"),
    (spoil(top=dict(data_samples=[])), "'data_samples': 0"),
    (spoil(text=[torch.zeros(2), torch.zeros(3), torch.zeros(2)]),
     r"'text' has unequal shapes.*\(2,\).*=40, \(3,\).*=41"),
    (spoil(rgb=[torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 5, 4)] +
           [torch.zeros(2, 3, 4, 4)]), "'rgb' has unequal shapes"),
    (spoil(text=[torch.zeros(2), np.zeros(2), torch.zeros(2)]),
     "'text' of the sample with sample_idx=41 is a ndarray"),
    (spoil(text=[torch.zeros(2), torch.zeros(2), NAN]),
     "'text' of the sample with sample_idx=42 holds NaN"),
    (spoil(pose=[torch.zeros(2), INF, -INF]),
     "'pose' of the sample with sample_idx=41 holds NaN or inf"),
    (spoil(top=dict(inputs=[torch.zeros(2)] * 3)), 'dict of modalities'),
    (dict(text=[torch.zeros(2)]), 'have no inputs: .*PackMultimodalInputs'),
])
def test_what_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        build()(given)


@pytest.mark.parametrize('dtype', [
    torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_large_numbers_are_finite(dtype):
    """Though their sum is not."""
    large = torch.full((2, ), torch.finfo(dtype).max, dtype=dtype)
    given = spoil(text=[large, large, -large], pose=[large] * 3)
    assert len(build()(given)['inputs']['text']) == 3
    given['inputs']['text'][1] = (large - 2 * large) * 2
    with pytest.raises(ValueError, match="'text'.*=41 holds NaN or inf"):
        build()(given)


def test_the_finite_check_can_be_switched_off():
    given = spoil(text=[torch.zeros(2), torch.zeros(2), NAN])
    assert build(check_finite=False)(given)['inputs']['text'].isnan().any()


def test_configs_that_are_refused():
    blending = dict(type='MixupBlending', num_classes=3)
    with pytest.raises(ValueError, match=r"\['rgb'\] have blending"):
        build(preprocessors=dict(rgb=dict(FRAMES, blending=blending)))
    with pytest.raises(ValueError, match='at least one modality'):
        MultimodalDataPreprocessor({})
    with pytest.raises(TypeError, match='means'):
        MultimodalDataPreprocessor(dict(text=dict(means=1.)))


def absent(batch, name, *rows):
    """Take a modality from some samples, as the packing does."""
    for row in rows:
        value = batch['inputs'][name][row]
        batch['inputs'][name][row] = value.new_empty(0, *value.shape)


def test_absent_modalities_are_left_out():
    plain, batch = build()(data())['inputs'], data()
    absent(batch, 'rgb', 1)
    absent(batch, 'text', 0, 2)
    out = build()(batch)
    there = dict(rgb=[0, 2], text=[1], pose=[0, 1, 2])
    for name, rows in there.items():
        assert torch.equal(out['inputs'][name], plain[name][rows])
    present = out['present']
    assert {m: mask.nonzero()[:, 0].tolist()
            for m, mask in present.masks.items()
            } == dict(rgb=[0, 2], text=[1])
    assert present.names_of(('rgb', 'text', 'pose')) == [
        ('rgb', 'pose'), ('text', 'pose'), ('rgb', 'pose')]


def test_nobody_has_a_modality():
    batch = data()
    for name in ('rgb', 'text'):
        absent(batch, name, 0, 1, 2)
    out = build()(batch)
    shape = build()(data())['inputs']['rgb'].shape
    assert out['inputs']['rgb'].shape == (0, *shape[1:])
    assert out['inputs']['text'].shape == (0, 2)
    assert out['present'].count('rgb') == out['present'].count('text') == 0


def test_complete_batches_say_nothing_of_presence():
    assert 'present' not in build()(data())


def test_errors_of_incomplete_batches_name_the_sample():
    batch = data()
    absent(batch, 'text', 0)
    batch['inputs']['text'][2] = NAN
    with pytest.raises(ValueError, match="'text'.*sample_idx=42 holds NaN"):
        build()(batch)
    batch['inputs']['text'][2] = torch.zeros(3)
    with pytest.raises(ValueError, match=r'of .*=41, \(3,\) of .*=42'):
        build()(batch)
    batch = data()
    for name in batch['inputs']:
        absent(batch, name, 1)
    with pytest.raises(ValueError, match='sample_idx=41 has none of the mod'):
        build()(batch)


@pytest.mark.parametrize('lacks', [False, True])
def test_the_host_does_not_wait_for_the_batch(lacks):
    preprocessor = build(preprocessors=dict(
        text=dict(mean=[1., 2.], std=2.), pose=None)).to(CARD)
    given = data()
    del given['inputs']['rgb']
    if lacks:
        given['inputs']['pose'][1] = torch.zeros(0, 7, 3)
    with waits_for_the_card() as waits:
        out = preprocessor(given, training=True)
    assert all(value.is_meta for value in out['inputs'].values())
    assert waits == []
