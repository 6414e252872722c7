"""The baselines of any config are those that are shipped."""
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmbalance_plugin.analysis.diagnosis.variants import (
    for_measuring,
    variants,
    without,
)
from mmbalance_plugin.apis.building import default_scope, recognizer_config
from mmbalance_plugin.shipped import shipped_root
from tests.analysis.diagnosis.constructed import config

SHIPPED = dict(joint='joint', multi_loss='multi_loss',
               decoupled='late_fusion')


def shipped(name):
    return Config.fromfile(shipped_root() / f'configs/{name}.py')


@pytest.mark.parametrize('data', ['av_digits', 'multiple_features_six',
                                  'watch'])
@pytest.mark.parametrize('method', ['joint', 'udi', 'opm_ogm_ge', 'mla',
                                    'relearning', 'qmf'])
def test_they_are_the_shipped_ones(method, data):
    found = variants(shipped(f'{method}_{data}'))
    assert list(found) == ['joint', 'multi_loss', 'decoupled', 'pairs',
                           'exchanged']
    for name, other in SHIPPED.items():
        cfg = shipped(f'{other}_{data}')
        with default_scope(cfg):
            assert found[name].model.to_dict() == recognizer_config(cfg)
        assert found[name].optim_wrapper == cfg.optim_wrapper
        assert found[name].max_epochs == cfg.max_epochs
        assert found[name].train_cfg == cfg.train_cfg
        assert found[name].train_dataloader == cfg.train_dataloader
        assert not found[name].custom_hooks
    # Nothing but the pairing is another.
    exchanged = found['exchanged']
    assert exchanged.train_dataloader.dataset.pop('pairing') == 'within_class'
    assert exchanged.to_dict() == found['pairs'].to_dict()


@pytest.mark.parametrize('data', ['crema_d', 'ucf101', 'vggsound'])
def test_clips_are_exchanged_too(data):
    found = variants(shipped(f'udi_{data}'))['exchanged']
    assert found.train_dataloader.dataset.pairing == 'within_class'
    assert 'pairing' not in found.val_dataloader.dataset


@pytest.mark.parametrize('name, changes', [
    # Its sound is cut where frames were sampled.
    ('udi_slowonly_resnet_audio_kinetics_sounds', {}),
    ('udi_crema_d', {'train_dataloader.dataset.multi_class': True})])
def test_where_there_are_no_exchanged_pairs(name, changes):
    cfg = shipped(name)
    cfg.merge_from_dict(changes)
    assert list(variants(cfg)) == list(SHIPPED)


def test_an_mlp_head_is_its_own_pair():
    cfg = config('pair', 'seen')
    cfg.model.head.type = 'mmbalance_plugin.MLPHead'
    found = variants(cfg)
    assert 'pairs' not in found
    assert found['exchanged'].model == found['joint'].model


def test_what_is_measured_chooses_nothing_and_sees_no_test_data():
    joint = variants(shipped('udi_watch'))['joint']
    cfg = for_measuring(joint, 4, True)
    assert cfg.train_cfg.val_interval == cfg.max_epochs == 4
    assert not [key for key in cfg if key.startswith('test_')]
    assert cfg.optim_wrapper.alpha == 0
    assert joint.test_dataloader.dataset.split == 'test'
    assert 'alpha' not in joint.optim_wrapper


def test_what_cannot_be_diagnosed():
    cfg = config('pair', 'seen')
    cfg.model.encoders.pop('two')
    with pytest.raises(ValueError, match="one modality, 'one'"):
        variants(cfg)
    cfg = config('pair', 'seen')
    cfg.pop('val_dataloader')
    with pytest.raises(ValueError, match='val_dataloader'):
        for_measuring(cfg, 1, False)
    cfg.pop('max_epochs')
    with pytest.raises(ValueError, match='max_epochs'):
        variants(cfg)
    cfg = config('pair', 'seen')
    cfg.model.head.multi_class = True
    with pytest.raises(ValueError, match='a diagnosis is of one class per'):
        variants(cfg)


def test_a_config_without_a_modality_trains(tmp_path):
    joint = variants(config('useless', 'seen', epochs=1))['joint']
    cfg = without(joint, ['two'])
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert list(runner.model.encoders) == ['one']
    assert list(joint.model.encoders) == ['one', 'two']


def test_what_prepares_a_clip_is_taken_out_too():
    joint = variants(shipped('udi_crema_d'))['joint']
    cfg = without(joint, ['audio'])
    assert list(cfg.model.encoders) == ['visual']
    assert list(cfg.model.data_preprocessor.preprocessors) == ['visual']
    for split in ('train', 'val', 'test'):
        pack = cfg[f'{split}_dataloader'].dataset.pipeline[-1]
        assert pack.inputs == dict(visual='imgs')
