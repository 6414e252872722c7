"""ModalityEncoder: every kind of input and of backbone output."""
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from mmbalance_plugin.models.encoders import ModalityEncoder
from mmbalance_plugin.registry import MODELS


@MODELS.register_module()
class EncoderTestBackbone(nn.Module):
    """Keeps what it was given and returns it, dressed up as asked."""

    def __init__(self, output='same'):
        super().__init__()
        self.output = output
        self.seen = None

    def forward(self, x):
        self.seen = x
        return dict(
            same=lambda: x,
            tuple=lambda: (x[:, :1], x),
            list=lambda: [x[:, :1], x],
            empty=tuple,
            dict=lambda: dict(x=x),
            hidden=lambda: SimpleNamespace(last_hidden_state=x,
                                           pooler_output=x[:, 0]),
            pooler=lambda: SimpleNamespace(last_hidden_state=None,
                                           pooler_output=x[:, 0]),
            half=lambda: x[:len(x) // 2])[self.output]()


def encoder(channels, output='same', **kwargs):
    return ModalityEncoder(
        dict(type='mmbalance_plugin.EncoderTestBackbone', output=output),
        channels, **kwargs)


@pytest.mark.parametrize(
    'shape, seen',
    [((2, 5), (2, 5)), ((2, 3, 8, 9), (2, 3, 8, 9)),
     ((2, 4, 3, 8, 9), (8, 3, 8, 9)),
     ((2, 4, 3, 6, 8, 9), (8, 3, 6, 8, 9))])
def test_frames_and_clips_are_folded_in_and_averaged_out(shape, seen):
    inputs = torch.randn(shape)
    channels = seen[1]
    net = encoder(channels)
    features = net(inputs)
    assert tuple(net.backbone.seen.shape) == seen
    # The second backbone call of the batch is the second frame or clip of
    # the first sample, not the first one of the second sample.
    if len(shape) > 4:
        assert torch.equal(net.backbone.seen[1], inputs[0, 1])
    dims = {2: [], 4: [2, 3], 5: [1, 3, 4], 6: [1, 3, 4, 5]}[len(shape)]
    expected = inputs.mean(dims) if dims else inputs
    torch.testing.assert_close(features, expected)


def test_folding_can_be_forced_and_forbidden():
    clip = torch.randn(2, 3, 4, 5, 6)
    net = encoder(3, fold=False)
    torch.testing.assert_close(net(clip), clip.mean([2, 3, 4]))
    assert net.backbone.seen.shape == clip.shape
    segments = torch.randn(2, 7, 5)
    net = encoder(5, fold=True)
    torch.testing.assert_close(net(segments), segments.mean(1))
    assert net.backbone.seen.shape == (14, 5)


@pytest.mark.parametrize('output', ['tuple', 'list'])
def test_the_last_of_several_maps_is_taken(output):
    maps = torch.randn(2, 6, 4, 4)
    torch.testing.assert_close(encoder(6, output)(maps), maps.mean([2, 3]))


def test_pooling():
    tokens = torch.randn(2, 7, 5)
    torch.testing.assert_close(encoder(5)(tokens), tokens.mean(1))
    torch.testing.assert_close(encoder(5, pool='cls')(tokens), tokens[:, 0])
    torch.testing.assert_close(encoder(5, pool='max')(tokens), tokens.amax(1))
    torch.testing.assert_close(
        encoder(7, sequence='BDL')(tokens), tokens.mean(2))
    maps = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(
        encoder(3, pool='max')(maps), maps.amax((2, 3)))
    # Frames are averaged whatever the pooling within a frame is.
    frames = torch.randn(2, 4, 3, 5, 6)
    torch.testing.assert_close(
        encoder(3, pool='max')(frames), frames.amax((3, 4)).mean(1))


def test_projection():
    net = encoder(5, proj_channels=3)
    assert net.out_channels == 3
    vectors = torch.randn(2, 5)
    torch.testing.assert_close(net(vectors), net.proj(vectors))
    assert encoder(5).out_channels == 5


def test_backbones_of_any_scope():
    path = ModalityEncoder(
        dict(type='torch.nn.Linear', in_features=4, out_features=6), 6)
    assert path(torch.randn(2, 4)).shape == (2, 6)
    conv = ModalityEncoder(dict(type='mmaction.ResNet', depth=18), 512)
    assert conv(torch.randn(2, 3, 32, 32)).shape == (2, 512)


def test_all_outputs_are_pooled_and_concatenated():
    inputs = torch.randn(2, 3, 4, 5)
    both = encoder(4, 'tuple', outputs='all')(inputs)
    pooled = inputs.mean([2, 3])
    torch.testing.assert_close(both, torch.cat([pooled[:, :1], pooled], 1))
    with pytest.raises(ValueError, match='set feat_channels=4'):
        encoder(3, 'tuple', outputs='all')(inputs)


@pytest.mark.parametrize('output, expected', [
    ('hidden', lambda tokens: tokens.mean(1)),
    ('pooler', lambda tokens: tokens[:, 0])])
def test_hugging_face_outputs(output, expected):
    tokens = torch.randn(2, 7, 5)
    torch.testing.assert_close(
        encoder(5, output)(tokens), expected(tokens))


# ---- who draws the weights ---------------------------------------------
class SelfMade(nn.Linear):
    """As timm's: its init_weights would undo pretrained=True."""

    def init_weights(self):
        nn.init.zeros_(self.weight)


@MODELS.register_module()
class EncoderTestRegistered(SelfMade):
    """As MMAction2's C3D: no BaseModule, but init_weights is to be called."""


@pytest.mark.parametrize('path, kept', [
    (f'{__name__}.SelfMade', True),
    (f'{__name__}.EncoderTestRegistered', False),
    ('mmbalance_plugin.EncoderTestRegistered', False)])
def test_a_backbone_by_import_path_keeps_its_own_weights(path, kept):
    net = ModalityEncoder(dict(type=path, in_features=4, out_features=3), 3)
    before = net.backbone.weight.clone()
    net.init_weights()
    assert torch.equal(net.backbone.weight, before) is kept
    assert kept or not net.backbone.weight.any()


class OfAnotherPackage(SelfMade):
    """As timm's, inside of a backbone of one's own."""

    __module__ = 'timm.models'


@MODELS.register_module()
class EncoderTestAround(BaseModule):
    """A backbone of a user around what others made and what they made."""

    def __init__(self):
        super().__init__()
        self.theirs = OfAnotherPackage(4, 3)
        self.mine = SelfMade(3, 3)

    def forward(self, inputs):
        return self.mine(self.theirs(inputs))


def test_what_others_made_keeps_its_weights_inside_of_a_backbone():
    net = ModalityEncoder(dict(type='EncoderTestAround'), 3)
    before = net.backbone.theirs.weight.clone()
    net.init_weights()
    assert torch.equal(net.backbone.theirs.weight, before)
    assert not net.backbone.mine.weight.any()


def test_a_backbone_in_torchscript(tmp_path):
    path, net = str(tmp_path / 'net.pt'), nn.Conv2d(1, 4, 3)
    torch.jit.script(net).save(path)
    mine = ModalityEncoder(
        dict(type='torch.jit.load', f=path), 4, frozen=True)
    mine.init_weights()
    inputs = torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(mine(inputs), net(inputs).mean((2, 3)))
    assert not mine.train().backbone.training
    assert not any(p.requires_grad for p in mine.parameters())


# ---- texts -------------------------------------------------------------
@MODELS.register_module()
class MaskedTokens(nn.Embedding):
    """Keeps the mask that it was given, as transformers' models take it."""

    def __init__(self):
        super().__init__(6, 5)

    def forward(self, input_ids, attention_mask=None):
        self.mask = attention_mask
        return SimpleNamespace(last_hidden_state=super().forward(input_ids))


TEXT = torch.tensor([[3, 5, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]])


@pytest.mark.parametrize('backbone', [
    dict(type='torch.nn.Embedding', num_embeddings=6, embedding_dim=5),
    dict(type='mmbalance_plugin.MaskedTokens')])
def test_padding_has_no_part_in_the_mean(backbone):
    net = ModalityEncoder(backbone, 5, pad_id=0)
    features, weight = net(TEXT), net.backbone.weight
    expected = [weight[[3, 5]].mean(0), weight[1:5].mean(0), torch.zeros(5)]
    torch.testing.assert_close(features, torch.stack(expected))
    # However far the texts are filled up.
    torch.testing.assert_close(
        net(nn.functional.pad(TEXT, (0, 3))), features)
    if hasattr(net.backbone, 'mask'):
        net(TEXT)
        assert net.backbone.mask.tolist() == [[1, 1, 0, 0], [1] * 4, [0] * 4]
    plain = ModalityEncoder(backbone, 5)
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(plain(TEXT), weight[TEXT].mean(1))


def test_a_bag_of_words_is_a_vector_already():
    net = ModalityEncoder(
        dict(type='torch.nn.EmbeddingBag', num_embeddings=6, embedding_dim=5,
             padding_idx=0), 5)
    torch.testing.assert_close(
        net(TEXT)[0], net.backbone.weight[[3, 5]].mean(0))


def test_texts_that_cannot_be():
    embedding = dict(
        type='torch.nn.Embedding', num_embeddings=6, embedding_dim=5)
    for wrong in (dict(pool='max'), dict(sequence='BDL')):
        with pytest.raises(ValueError, match='pad_id is for pool'):
            ModalityEncoder(embedding, 5, pad_id=0, **wrong)
    net = ModalityEncoder(embedding, 5, pad_id=0)
    net.modality = 'words'
    with pytest.raises(
            ValueError, match=r"words'.*float32.*words=dict\(dtype='int"):
        net(TEXT.float())
    short = ModalityEncoder(
        dict(type='mmbalance_plugin.EncoderTestBackbone', output='half'), 4,
        pad_id=0)
    short.backbone.forward = lambda x: torch.zeros(len(x), 2, 4)
    with pytest.raises(ValueError, match='not known which are padding'):
        short(TEXT)


# ---- frozen ------------------------------------------------------------
@pytest.mark.parametrize('frozen, trains', [
    (False, {'0', '1', '3'}), (True, set()), (('0', '1'), {'3'})])
def test_frozen_parts_stay_in_eval_mode(frozen, trains):
    net = ModalityEncoder(
        dict(type=f'{__name__}.four_layers'), 5, proj_channels=2,
        frozen=frozen)
    net.eval().train()
    assert {name for name, part in net.backbone.named_children()
            if part.training} - {'2'} == trains
    assert {name.split('.')[0]
            for name, value in net.backbone.named_parameters()
            if value.requires_grad} == trains
    assert net.proj.training and net.proj.weight.requires_grad


def four_layers():
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(),
                         nn.Linear(4, 5))


def test_frozen_names_that_are_none():
    with pytest.raises(ValueError, match=r"'4'.*Sequential has \['0', '1'"):
        ModalityEncoder(
            dict(type=f'{__name__}.four_layers'), 5, frozen=('4', ))


def test_errors_name_the_backbone_and_the_modality():
    net = encoder(4)
    net.modality = 'sound'
    with pytest.raises(
            ValueError,
            match="EncoderTestBackbone of 'sound'.*feat_channels=5"):
        net(torch.randn(2, 5))
    with pytest.raises(ValueError, match="sequence='BDL'"):
        encoder(7)(torch.randn(2, 7, 5))
    with pytest.raises(ValueError, match='batch of 4'):
        encoder(5, 'half')(torch.randn(4, 5))
    with pytest.raises(ValueError, match='returned dict'):
        encoder(5, 'dict')(torch.randn(2, 5))
    with pytest.raises(ValueError, match='returned tuple'):
        encoder(5, 'empty')(torch.randn(2, 5))
    with pytest.raises(ValueError, match='no class token'):
        encoder(3, pool='cls')(torch.randn(2, 3, 4, 5))


@pytest.mark.parametrize('wrong', [
    dict(pool='mean'),
    dict(sequence='LBD'),
    dict(fold='yes'),
])
def test_unknown_options(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        encoder(4, **wrong)


# ---- channels last -----------------------------------------------------
CONV_2D = dict(type='mmbalance_plugin.SmallConvNet', channels=(8, 6))
CONV_3D = dict(type='torch.nn.Conv3d', out_channels=6, kernel_size=3)


def pair(backbone, **kwargs):
    """Two encoders of the same weights, the second with channels last."""
    nets = []
    for last in (False, True):
        torch.manual_seed(0)
        nets.append(ModalityEncoder(
            dict(backbone), 6, channels_last=last, **kwargs))
    return nets


@pytest.mark.parametrize('backbone, shape, kwargs', [
    (dict(CONV_2D, in_channels=1), (3, 1, 9, 8), dict()),
    (dict(CONV_2D, in_channels=3), (3, 3, 9, 8), dict(pool='max')),
    (dict(CONV_2D, in_channels=3), (3, 2, 3, 9, 8), dict(proj_channels=4)),
    (dict(CONV_3D, in_channels=1), (3, 1, 4, 5, 6), dict(fold=False)),
    (dict(CONV_3D, in_channels=2), (3, 2, 2, 4, 5, 6), dict())])
def test_channels_last_changes_rounding_only(backbone, shape, kwargs):
    inputs, found = torch.randn(shape), []
    for net in pair(backbone, **kwargs):
        given = inputs.clone().requires_grad_()
        features = net(given)
        features.square().sum().backward()
        found.append((features, given.grad,
                      [p.grad for p in net.parameters()]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('channels', [1, 3])
def test_maps_stay_channels_last(channels):
    seen = []
    for net in pair(dict(CONV_2D, in_channels=channels)):
        net.backbone.register_forward_hook(
            lambda module, args, output: seen.append(
                (args[0].stride()[1], output.stride()[1])))
        net(torch.randn(2, channels, 9, 8))
    assert seen == [(72, 6), (1, 1)]
    # Weights, optimisers and checkpoints know nothing of it.
    assert all(p.is_contiguous() for p in net.parameters())


@pytest.mark.parametrize('channels_last, shape, last', [
    ('auto', (2, 3, 4, 4), True), ('auto', (2, 3, 4, 4, 4), False),
    (False, (2, 3, 4, 4), False), (True, (2, 3, 4, 4, 4), True)])
def test_left_to_itself_it_is_so_for_maps_on_a_card(channels_last, shape,
                                                    last):
    net = encoder(3, channels_last=channels_last, fold=False)
    if channels_last == 'auto':
        net(torch.randn(shape))
        assert net.backbone.seen.is_contiguous()
    with mock.patch.object(torch.Tensor, 'is_cuda', True):
        net(torch.randn(shape))
    assert net.backbone.seen.is_contiguous() is not last
    with pytest.raises(ValueError, match="'auto', True, False"):
        encoder(3, channels_last='never')


@pytest.mark.parametrize('shape', [(2, 5), (2, 7, 5)])
def test_other_inputs_have_no_channels_to_put_last(shape):
    net = encoder(5, channels_last=True)
    inputs = torch.randn(shape)
    net(inputs)
    assert net.backbone.seen is inputs
