"""Tables of the studies, and that their trials are what they say."""
import json

import pytest
import torch

import studies
import studies_trials
from mmbalance_plugin.models.heads import ConcatHead, MLPHead
from studies import (
    convergence_table,
    epoch_values,
    first_epoch,
)
from studies_dominance import (
    batch_scores,
    epoch_summary,
)
from studies_trials import (
    Outcome,
    Size,
    Trial,
    run_trial,
    trial_config,
)
from tests.engine.digits import DATA


def cells(table, row):
    return [c.strip() for c in table.splitlines()[row].strip('|').split('|')]


# ---- convergence -------------------------------------------------------
def log(*values):
    records = [{'acc/top1': v, 'step': i + 1} for i, v in enumerate(values)]
    records.insert(1, {'loss': 1., 'iter': 7, 'step': 7})
    return [*records, {'acc/top1': max(values), 'step': len(values)}]


def test_epochs_to_a_level_of_the_first_method():
    runs = dict(
        joint=[log(.4, .8, .7), log(.6, .8, .8)],
        slow=[log(.2, .5, .9), log(.1, .2, .3)])
    assert epoch_values(runs['joint'][0]) == [.4, .8, .7]
    table = convergence_table(runs, levels=(.5, 1.))
    assert cells(table, 0)[2:] == [
        'epochs to 40.0 %', 'epochs to 80.0 %', 'best level %', 'in epoch'
    ]
    assert cells(table, 2) == [
        'joint', '2', '1.0 ± 0.0', '2.0 ± 0.0', '80.0 ± 0.0', '2.0 ± 0.0'
    ]
    assert cells(table, 3)[2:4] == ['> (1 of 2 seeds)'] * 2
    assert cells(table, 3)[4] == '60.0 ± 42.4'


def test_first_epoch():
    assert first_epoch([.1, .5, .4, .9], .5) == 2
    assert first_epoch([.1], .5) is None


def test_runs_without_fused_validation_are_an_error():
    with pytest.raises(ValueError, match='one stage'):
        epoch_values([{'acc/top1_audio': .5, 'step': 1}])


# ---- dominance ---------------------------------------------------------
def features(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return ({'a': torch.randn(9, 4, generator=generator),
             'b': torch.randn(9, 3, generator=generator)},
            torch.randint(5, (9, ), generator=generator))


def test_exchanged_averages_over_partners():
    head = ConcatHead(num_classes=5, in_channels=dict(a=4, b=3)).eval()
    value, targets = features()
    found = batch_scores(head, value, targets)
    assert list(found) == ['split', 'zero_out', 'exchanged']
    expected = []
    for by in range(1, 8):
        for i in range(9):
            mixed = {'a': value['a'][i:i + 1],
                     'b': value['b'][(i - by) % 9][None]}
            expected.append(head(mixed).softmax(1)[0, targets[i]].item())
    assert found['exchanged']['a'] == pytest.approx(
        sum(expected) / len(expected), abs=1e-6)
    split = head.unimodal_logits(value)['b'].softmax(1)
    assert found['split']['b'] == pytest.approx(
        split[range(9), targets].mean().item(), abs=1e-6)


def test_a_modality_the_head_ignores_is_never_ahead():
    head = MLPHead(num_classes=5, in_channels=dict(a=4, b=3)).eval()
    with torch.no_grad():
        head.mlp[0].weight[:, 4:] = 0  # sees nothing of b
    value, _ = features()
    targets = head(value).argmax(1)
    found = batch_scores(head, value, targets)
    assert 'split' not in found
    for way in ('zero_out', 'exchanged'):
        assert found[way]['a'] > found[way]['b']


def test_summary_of_batches():
    batches = [
        dict(split=dict(a=.4, b=.2), zero_out=dict(a=.4, b=.1)),
        dict(split=dict(a=.4, b=.2), zero_out=dict(a=.1, b=.2)),
    ]
    found = epoch_summary(batches)
    assert found['leader'] == dict(split='a', zero_out='a')
    assert found['lead']['split'] == pytest.approx(2)
    assert found['lead']['zero_out'] == pytest.approx(.25 / .15)
    assert found['agree'] == {('split', 'zero_out'): .5}


# ---- tables over trials ------------------------------------------------
@pytest.fixture
def fake(monkeypatch):
    """Trials that train nothing; their options tell the accuracy."""
    seen = []

    def run_trials(trials, size, seeds, folder, make_probe=None):
        seen.extend(trials)
        labels = [t.label for t in trials]
        assert len(set(labels)) == len(labels)
        return {
            t.label: [
                Outcome({'acc/top1': i / 100, 'acc/top1_audio': .1,
                         'acc/top1_visual': .2}, [], []) for _ in seeds
            ]
            for i, t in enumerate(trials)
        }

    monkeypatch.setattr(studies, 'run_trials', run_trials)
    return seen


def test_noise_has_a_cell_for_every_scale_and_distribution(fake):
    table = studies.noise('x', Size(), [0])
    assert len(fake) == 10
    options = [t.options['optim_wrapper.generalization_enhancement']
               for t in fake]
    assert options[0] is False
    for _ in range(2):  # the options survive their use
        cfg = trial_config(fake[1], Size(), 0, 'x')
        noise = cfg.optim_wrapper.generalization_enhancement
        assert noise == dict(distribution='normal', scale=.3)
    assert trial_config(fake[0], Size(), 0, 'x').optim_wrapper[
        'generalization_enhancement'] is False
    assert cells(table, 2) == ['no noise (OGM)', '0.0', '0.0', '0.0']
    assert cells(table, 4) == ['uniform', '4.0', '5.0', '6.0']


# ---- trials ------------------------------------------------------------
TINY = Size(epochs=1, samples=64)


def tiny_trial(data):
    options = {
        f'{split}_dataloader.dataset.data_root': str(DATA / data)
        for split in ('train', 'val')
    }
    options['model.head.type'] = 'mmbalance_plugin.MLPHead'
    return Trial(f'joint_{data}', f'{data}_MLP', options)


def test_trials_never_see_the_test_split(tmp_path):
    cfg = trial_config(tiny_trial('av_digits'), TINY, 3, str(tmp_path))
    assert cfg.test_dataloader is None and cfg.test_cfg is None
    assert cfg.train_dataloader.dataset.split == 'train'
    assert cfg.val_dataloader.dataset.split == 'val'
    assert cfg.train_dataloader.dataset.n_pairs == 64
    assert cfg.randomness.seed == 3
    assert cfg.model.head.type == 'mmbalance_plugin.MLPHead'


def test_a_trial_is_done_once(tmp_path, monkeypatch):
    trial = tiny_trial('multiple_features')
    probe = studies.DominanceProbe()
    first = run_trial(trial, TINY, 0, str(tmp_path), probe)
    assert 0 <= first.val['acc/top1'] <= 1
    assert epoch_values(first.records) == [first.val['acc/top1']]
    (batches, ) = first.extra
    assert set(batches[0]) == {'zero_out', 'exchanged'}
    assert set(batches[0]['zero_out']) == {'pix', 'fou', 'mor'}

    def not_again(cfg):
        raise AssertionError('trained again')

    monkeypatch.setattr(studies_trials, 'build_runner', not_again)
    assert run_trial(trial, TINY, 0, str(tmp_path)) == first
    other = trial._replace(options=dict(trial.options, x=1))
    with pytest.raises(AssertionError, match='trained again'):
        run_trial(other, TINY, 0, str(tmp_path))


def test_study_of_runs_that_are_there(run_python, tmp_path):
    for name, values in dict(joint=(.5, .8), ogm=(.8, .9)).items():
        folder = tmp_path / name / '20260101_000000' / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join(
            json.dumps({'step': i + 1, 'acc/top1': v})
            for i, v in enumerate(values)))
    done = run_python('benchmarks/study.py', 'convergence', '--runs',
                      tmp_path / 'joint', tmp_path / 'ogm')
    assert done.returncode == 0, done.stderr
    assert '| ogm | 1 | 1.0 | 1.0 | 1.0 | 90.0 | 2.0 |' in done.stdout
