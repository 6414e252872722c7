"""Each method against the weights that its authors' code came to.

What was run, and what is different in the released code, is told in
docs/agreement.md; the numbers are in golden.py. All runs start from
common.py and go through a Runner, as a config's do.
"""
import pytest
import torch

from tests.oracles import common, golden


def terms(*chosen):
    """Objective terms by name, or by (name, options)."""
    chosen = [c if isinstance(c, tuple) else (c, {}) for c in chosen]
    return [
        dict(options, type=f'mmbalance_plugin.{name}')
        for name, options in chosen
    ]


def joint(*chosen, **model):
    return dict(model=dict(objective=terms(*chosen), **model))


def decision(combine='sum_logits'):
    return dict(type='mmbalance_plugin.DecisionHead', combine=combine)


def staged(*chosen, epochs):
    """One stage, for terms that keep something between epochs."""
    stage = dict(name='joint', epochs=epochs, objective=terms(*chosen))
    return dict(loop=dict(stages=[stage]), epochs=epochs)


def gradients(**method):
    method['type'] = f'mmbalance_plugin.{method["type"]}'
    return dict(
        joint('FusedLoss', 'UnimodalLoss'),
        wrapper=dict(
            type='mmbalance_plugin.GradientOptimWrapper', method=method))


MULTI = 'FusedLoss', 'UnimodalLoss'
OGM = dict(wrapper=dict(type='mmbalance_plugin.OGMOptimWrapper', alpha=.8))
DROP = dict(joint('FusedLoss'), opm=dict(warmup_epochs=0, p_exe=1.))
RUNS = dict(
    ogm=dict(joint('FusedLoss'), **OGM),
    opm=DROP,
    opm_ogm=dict(DROP, **OGM),
    mmpareto=joint(
        'FusedLoss', ('UnimodalLoss', dict(heads='own')),
        step=dict(type='mmbalance_plugin.MMPareto', norm='tensor')),
    mla=dict(
        model=dict(
            objective='unimodal', step=dict(type='mmbalance_plugin.MLA')),
        head=dict(type='mmbalance_plugin.MLAHead')),
    dgl=dict(
        joint('DGLLoss'), wrapper=dict(clip_grad=dict(max_norm=1.))),
    tcmax=joint('TCMaxLoss'),
    tcmax_gated=dict(
        joint(('TCMaxLoss', dict(samples=16))),
        head=dict(type='mmbalance_plugin.GatedHead', condition='audio')),
    mlb=gradients(type='MLB'),
    agm=joint('AGMLoss'),
    pmr=staged('FusedLoss', ('PMRLoss', dict(share=1.)), epochs=3),
    lfm=dict(
        joint(('LFMLoss', dict(matching='js'))), head=decision()),
    inforeg=dict(
        gradients(type='InfoReg', beta=1., threshold=-1e3), epochs=4),
    mmcosine=dict(
        joint('FusedLoss'),
        head=dict(type='mmbalance_plugin.MMCosineHead')),
    qmf=dict(
        staged(*MULTI, 'QMFLoss', epochs=4),
        head=dict(type='mmbalance_plugin.QMFHead')),
    cml=dict(
        joint('FusedLoss', ('CMLLoss', dict(weight=.5))), head=decision()),
    relearning=dict(
        joint('FusedLoss'),
        epochs=4,
        custom_hooks=[
            dict(
                type='mmbalance_plugin.RelearningHook',
                interval=1,
                momentum='keep')
        ],
        val_dataloader=common.loader(n=12),
        val_cfg=dict(),
        val_evaluator=dict(type='mmbalance_plugin.MultimodalMetric')),
    umt=dict(
        head=dict(type='mmbalance_plugin.SumHead'),
        epochs=6,
        loop=dict(stages=[
            dict(name='audio', train=['audio'], epochs=2),
            dict(name='visual', train=['visual'], epochs=2),
            dict(
                name='umt',
                init='scratch',
                epochs=2,
                objective=terms('FusedLoss', 'UMTLoss'))
        ])),
    reconboost=dict(
        head=decision(),
        loop=dict(
            type='mmbalance_plugin.ReconBoostTrainLoop',
            turn_epochs=1,
            correction_epochs=1,
            rounds=2)),
    g_blend=joint(('GBlend',
                   dict(
                       form='fixed',
                       weights=dict(audio=.2, visual=.5, fused=.3)))))
RUNS.update(
    mla_three=dict(RUNS['mla'], modalities=common.THREE),
    mlb_three=dict(RUNS['mlb'], modalities=common.THREE),
    agm_three=dict(
        joint(('AGMLoss', dict(limit=7.))), modalities=common.THREE))


@pytest.mark.parametrize('method', RUNS)
def test_weights_are_those_of_the_released_code(method, tmp_path):
    runner = common.run(tmp_path / method, **RUNS[method])
    found = common.flat(runner.model.parameters())
    expected = torch.tensor(
        [float(x) for x in getattr(golden, method.upper()).split()],
        dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
