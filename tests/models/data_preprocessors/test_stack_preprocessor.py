"""StackPreprocessor: shapes, statistics, errors."""
import pytest
import torch

from mmbalance_plugin.models.data_preprocessors import StackPreprocessor


@pytest.mark.parametrize(
    'shape, dim', [((4, ), 0), ((3, 5, 6), 0), ((2, 3, 5, 6), 1),
                   ((2, 3, 4, 5, 6), 1)])
def test_statistics_belong_to_channels(shape, dim):
    channels = shape[dim]
    mean = torch.arange(1., channels + 1)
    std = mean * 2
    samples = [torch.randn(shape) for _ in range(3)]
    batch, _ = StackPreprocessor(mean.tolist(), std.tolist()).preprocess(
        samples)
    assert batch.shape == (3, *shape)
    for channel in range(channels):
        raw = torch.stack(samples).select(dim + 1, channel)
        torch.testing.assert_close(
            batch.select(dim + 1, channel),
            (raw - mean[channel]) / std[channel])


def test_scalars_and_none():
    samples = [torch.randn(4, 7) for _ in range(3)]
    stacked = torch.stack(samples)
    batch, passed = StackPreprocessor().preprocess(samples, ['x'], True)
    assert torch.equal(batch, stacked) and passed == ['x']
    batch, _ = StackPreprocessor(2., 4.).preprocess(stacked)
    torch.testing.assert_close(batch, (stacked - 2) / 4)
    batch, _ = StackPreprocessor(std=[4.]).preprocess(stacked)
    torch.testing.assert_close(batch, stacked / 4)


@pytest.mark.parametrize('dim', [1, -1])
def test_the_channel_dimension_can_be_named(dim):
    stacked = torch.randn(3, 4, 7)
    mean = torch.arange(7.)
    net = StackPreprocessor(mean.tolist(), channel_dim=dim)
    torch.testing.assert_close(net.preprocess(stacked)[0], stacked - mean)


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float64, torch.float16])
def test_batches_are_float32(dtype):
    batch, _ = StackPreprocessor().preprocess([torch.ones(3).to(dtype)])
    assert batch.dtype == torch.float32


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.int64])
def test_integers_stay_integers_where_they_are_to(dtype):
    text = torch.tensor([[2, 0], [7, 1]])
    batch, _ = StackPreprocessor(dtype='int64').preprocess(
        list(text.to(dtype)))
    assert batch.dtype == torch.int64 and torch.equal(batch, text)


def test_integers_are_neither_cut_nor_standardised():
    net = StackPreprocessor(dtype='int64')
    net.modality = 'text'
    with pytest.raises(ValueError, match="'text' is to be int64.*float32"):
        net.preprocess([torch.zeros(3)])
    with pytest.raises(ValueError, match='no mean and no std'):
        StackPreprocessor(std=2., dtype='int64')
    with pytest.raises(ValueError, match='dtype must be one of'):
        StackPreprocessor(dtype='int7')


def test_statistics_are_config_not_checkpoint():
    assert not StackPreprocessor(1., 2.).state_dict()


def test_errors():
    net = StackPreprocessor([1., 2.])
    net.modality = 'sound'
    with pytest.raises(ValueError, match="mean of 'sound'.*channel_dim"):
        net.preprocess([torch.zeros(2, 3)])
    with pytest.raises(ValueError, match="mean of 'sound' has 2.*has 3"):
        net.preprocess([torch.zeros(3, 4, 4)])
    with pytest.raises(ValueError, match='std.*positive'):
        StackPreprocessor(std=[1., 0.])
    with pytest.raises(ValueError, match='mean must be finite'):
        StackPreprocessor(mean=float('nan'))
