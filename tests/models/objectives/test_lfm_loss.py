"""LFM: golden numbers, the mix by epoch, pairs, missing ones, ranks."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from torch.optim import SGD

from mmbalance_plugin.engine.steps import MultimodalDistributedDataParallel
from mmbalance_plugin.functional import info_nce, js_divergence, lfm_share
from mmbalance_plugin.models.objectives import BatchRecord, LFMLoss
from mmbalance_plugin.models.presence import Presence
from tests.dist_utils import run_ranks
from tests.engine import modulation_toy as images
from tests.engine.digits import digits_cfg, train
from tests.models.recognizers.toy import batch, build, targets

LFM = 'mmbalance_plugin.LFMLoss'


@pytest.fixture
def epoch():
    """Function that says which epoch it is, from 0."""
    info = MessageHub.get_current_instance().runtime_info
    yield lambda number: info.update(stage_epoch=number)
    info.pop('stage_epoch', None)


def model_of(modalities=('rgb', 'flow'), head='ConcatHead', **options):
    model = build(
        modalities, head=head, objective=[dict(type=LFM, **options)])
    return model.train()


def same_width(monkeypatch):
    from tests.models.recognizers import toy
    monkeypatch.setattr(toy, 'CHANNELS', dict(rgb=8, flow=8, sound=8))


# ---- formulas --------------------------------------------------------------
def test_golden():
    double = torch.float64
    x = torch.tensor([[1., 0.], [0., 1.]], dtype=double)
    y = torch.tensor([[.8, .6], [.6, .8]], dtype=double)
    assert float(info_nce(x, y, .5)) == pytest.approx(.513015, abs=1e-6)
    # Lengths do not count, nor which modality is called the first.
    assert float(info_nce(3 * y, x, .5)) == pytest.approx(.513015, abs=1e-6)
    assert [lfm_share(t) for t in (1, 2, 10, 100)] == pytest.approx(
        [.632121, .393469, .095163, .009950], abs=1e-6)
    p, q = (torch.tensor(v, dtype=double).log()
            for v in ([.9, .1], [.5, .5]))
    # Not the .117973 of the released code's reversed arguments.
    assert float(js_divergence(p, q)) == pytest.approx(.101749, abs=1e-6)


def test_dead_features_have_finite_gradients():
    x = torch.zeros(3, 4, requires_grad=True)
    info_nce(x, torch.randn(3, 4), .5).backward()
    assert x.grad.isfinite().all()


# ---- the term --------------------------------------------------------------
@pytest.mark.parametrize('matching', ['info_nce', 'js'])
def test_the_mix_moves_from_matching_to_classes(matching, epoch, monkeypatch):
    same_width(monkeypatch)
    model = model_of(('rgb', 'flow', 'sound'), matching=matching)
    inputs, samples = batch(('rgb', 'flow', 'sound'))
    with torch.no_grad():
        features = model.extract_feat(inputs)
        ce = F.cross_entropy(model.head(features), targets())
        if matching == 'js':
            alone = list(model.head.unimodal_logits(features).values())
            pairs = [js_divergence(alone[i], alone[j])
                     for i, j in ((0, 1), (0, 2), (1, 2))]
        else:
            rgb, flow, sound = features.values()
            pairs = [info_nce(*pair, .5) for pair in (
                (rgb, flow), (rgb, sound), (flow, sound))]
    for number, share in enumerate((.632121, .393469)):
        epoch(number)
        losses = model.loss(inputs, samples)
        assert float(losses['lfm_share']) == pytest.approx(share, abs=1e-6)
        torch.testing.assert_close(losses['loss_cls'], (1 - share) * ce)
        torch.testing.assert_close(losses['loss_match'],
                                   share * sum(pairs) / 3)


def test_late_enough_it_is_joint(epoch, monkeypatch):
    same_width(monkeypatch)
    epoch(10**9)
    lfm, joint = model_of(), build(head='ConcatHead').train()
    for model in (lfm, joint):
        model.parse_losses(model.loss(*batch()))[0].backward()
    for (name, a), b in zip(lfm.named_parameters(), joint.parameters()):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_pairs_are_of_samples_that_have_both(monkeypatch):
    same_width(monkeypatch)
    model = model_of()
    features = {m: torch.randn(6, 8, requires_grad=True)
                for m in ('rgb', 'flow')}
    present = Presence(6, dict(rgb=[0, 1, 3, 5], flow=[0, 2, 3, 4, 5]))
    losses = LFMLoss()(
        BatchRecord(model, {}, [], targets(), features, present))
    both = [0, 3, 5]
    expected = info_nce(*(f[both] for f in features.values()), .5)
    torch.testing.assert_close(losses['loss_match'], .632121 * expected)
    nobody = Presence(6, dict(rgb=[0, 1], flow=[2, 3]))
    losses = LFMLoss()(
        BatchRecord(model, {}, [], targets(), features, nobody))
    losses['loss_match'].backward()
    assert losses['loss_match'] == 0 and not features['rgb'].grad.any()


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(ValueError, match='matching must be one of'):
        LFMLoss('cosine')
    with pytest.raises(ValueError, match='temperature'):
        LFMLoss(temperature=0.)
    with pytest.raises(ValueError, match=r"one width.*'flow': 9.*proj_ch"):
        model_of()
    model_of(matching='js')
    with pytest.raises(ValueError, match='compares'):
        model_of(('rgb', ), matching='js')


def test_under_amp_the_matching_is_float32(monkeypatch):
    same_width(monkeypatch)
    model = model_of()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch())
        features = model.extract_feat(batch()[0])
    assert features['rgb'].dtype == torch.bfloat16
    expected = info_nce(features['rgb'], features['flow'], .5)
    torch.testing.assert_close(losses['loss_match'], .632121 * expected)


# ---- runs ------------------------------------------------------------------
def cfg(folder, **kwargs):
    return digits_cfg(
        folder, dict(max_epochs=3), head='ConcatHead', n_train=64, n_val=32,
        model=dict(objective=[dict(type=LFM)]), **kwargs)


def test_a_run_counts_epochs_and_goes_on_where_it_was(tmp_path):
    whole = train(cfg(tmp_path / 'whole'))
    share = whole.message_hub.get_scalar('train/lfm_share')
    assert share.current() == pytest.approx(lfm_share(3))
    part = cfg(tmp_path / 'part')
    part.resume = True
    part.load_from = str(tmp_path / 'whole' / 'epoch_2.pth')
    resumed = train(part)
    images.assert_same(images.weights(whole.model),
                       images.weights(resumed.model))


OBJECTIVES = {kind: [dict(type=LFM, matching=kind)]
              for kind in ('info_nce', 'js')}


def steps(objective, data, wrap=lambda model: model):
    model = images.config(objective=objective)
    model['encoders']['rgb']['proj_channels'] = 5
    torch.manual_seed(0)
    model = images.MODELS.build(model)
    model.init_weights()
    model = wrap(model.train())
    wrapper = OptimWrapper(SGD(model.parameters(), lr=.1, momentum=.9))
    for part in data:
        model.train_step(part, wrapper)
    return images.weights(model)


def rank_steps():
    data = [images.split(b, 2)[get_rank()]
            for b in images.batches(4, size=16)]
    return {name: steps(objective, data, MultimodalDistributedDataParallel)
            for name, objective in OBJECTIVES.items()}


def test_two_ranks_are_one_process_with_the_whole_batch():
    first, second = run_ranks(rank_steps, 2)
    for name, objective in OBJECTIVES.items():
        images.assert_same(first[name], second[name])
        images.assert_close(
            first[name], steps(objective, images.batches(4, size=16)))


def test_several_labels_are_matched_each_by_itself(epoch):
    epoch(0)
    model = build(head='ConcatHead', head_cfg=dict(multi_class=True),
                  objective=[dict(type=LFM, matching='js')]).eval()
    inputs, _ = batch()
    record = BatchRecord(model, inputs, (), torch.ones(6, 5),
                         model.extract_feat(inputs))
    p, q = (torch.stack([z.sigmoid(), 1 - z.sigmoid()], -1)
            for z in record.unimodal.values())
    m = (p + q) / 2
    expected = .5 * (p * (p / m).log() + q * (q / m).log()).sum(-1).mean()
    torch.testing.assert_close(model.terms[0](record)['loss_match'],
                               lfm_share(1) * expected, rtol=1e-4, atol=1e-6)
