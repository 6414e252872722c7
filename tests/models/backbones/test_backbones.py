"""Small backbones: shapes, options, and what a batch in parts gives."""
import pytest
import torch
from torch import nn

from mmbalance_plugin.registry import MODELS
from tests.configs.test_backbones import needed


def build(name, **kwargs):
    return MODELS.build(dict(type=f'mmbalance_plugin.{name}', **kwargs))


def weights(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize('shape, out', [((1, 28, 28), (64, 2, 2)),
                                        ((1, 13, 32), (64, 1, 2))])
def test_conv_net_halves_the_map(shape, out):
    net = build('SmallConvNet')
    assert net(torch.randn(3, *shape)).shape == (3, *out)
    # Nine weights a pair of channels, two of BatchNorm a channel.
    expected = 9 * (16 + 16 * 32 + 32 * 64 + 64 * 64) + 2 * 176
    assert weights(net) == expected
    assert net.out_channels == 64


def test_conv_net_options():
    net = build(
        'SmallConvNet', in_channels=3, channels=(4, 6), strides=(1, 2),
        norm_cfg=None)
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 6, 4, 4)
    assert weights(net) == 9 * (12 + 24) + 10
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with pytest.raises(ValueError, match='one stride for each'):
        build('SmallConvNet', channels=(4, 6), strides=(2, ))
    with pytest.raises(ValueError, match='one stride for each'):
        build('SmallConvNet', channels=())


@pytest.mark.parametrize('channels', [1, 3])
def test_the_usual_net_of_cgmnist(channels):
    net = build('CGMNISTNet', in_channels=channels)
    assert net(torch.randn(3, channels, 28, 28)).shape == (3, 64, 7, 7)
    assert weights(net) == (2 * channels + 25 * channels * 32 + 9 * (
        32 * 32 + 32 * 64 + 64 * 64) + 2 * 32 + 2 * 64)
    assert net.out_channels == 64


def test_mlp():
    net = build('MLPBackbone', in_channels=76, channels=(32, 16))
    assert net(torch.randn(4, 76)).shape == (4, 16)
    assert weights(net) == 76 * 32 + 32 * 16 + 2 * 48
    assert net.out_channels == 16
    bare = build(
        'MLPBackbone', in_channels=76, channels=(32, ), norm_cfg=None,
        dropout=.5)
    assert weights(bare) == 76 * 32 + 32
    bare.eval()
    x = torch.randn(4, 76)
    linear = bare.layers[0]
    torch.testing.assert_close(bare(x), linear(x).relu())
    assert torch.equal(bare(x.view(4, 2, 38)), bare(x))
    with pytest.raises(ValueError, match='one or more layers'):
        build('MLPBackbone', in_channels=3, channels=())


@pytest.mark.parametrize('name, kwargs, shape', [
    ('SmallConvNet', {}, (8, 1, 13, 32)),
    ('MLPBackbone', dict(in_channels=20), (8, 20)),
])
def test_without_norm_two_halves_make_a_batch(name, kwargs, shape):
    torch.manual_seed(0)
    net = build(name, norm_cfg=None, **kwargs).double()
    x = torch.randn(*shape, dtype=torch.float64)

    def gradients(*parts):
        net.zero_grad()
        for part in parts:
            (net(part).square().sum() / len(x)).backward()
        return [p.grad.clone() for p in net.parameters()]

    for whole, halves in zip(gradients(x), gradients(*x.split(4))):
        assert whole.abs().sum() > 0
        torch.testing.assert_close(whole, halves)


@pytest.mark.parametrize('name, kwargs', [
    ('SmallConvNet', {}), ('CGMNISTNet', {}),
    ('MLPBackbone', dict(in_channels=20))])
def test_init_weights_follows_the_global_stream(name, kwargs):

    def state(seed):
        torch.manual_seed(seed)
        net = build(name, **kwargs)
        net.init_weights()
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    assert torch.equal(state(0), state(0))
    assert not torch.equal(state(0), state(1))
    assert state(0).isfinite().all()


@pytest.mark.parametrize('name, layer, shape, out', [
    ('resnet18', 'layer3', (3, 32, 32), (256, 2, 2)),
    ('r3d_18', 'layer4', (3, 8, 32, 32), (512, 1, 2, 2))])
def test_a_layer_of_torchvision(name, layer, shape, out):
    needed('torchvision')
    net = MODELS.build(dict(type='mmbalance_plugin.TorchvisionLayer',
                            name=name, layer=layer)).eval()
    assert net(torch.randn(2, *shape)).shape == (2, *out)
    # What comes after the layer is not there.
    assert not [k for k, _ in net.named_parameters() if 'fc' in k]
