"""docs/extending.md, executed: parts from a file outside of the package."""
import math
import re
import sys
from pathlib import Path

import pytest
from mmengine.utils import import_modules_from_strings

from mmbalance_plugin.registry import DATASETS
from tests.engine.digits import digits_cfg, train
from tests.media_utils import write_clip

DOC = Path(__file__).resolve().parents[1] / 'docs' / 'extending.md'


@pytest.fixture(scope='module')
def my_parts(tmp_path_factory):
    """The page's own code blocks, saved as the file they say they are."""
    blocks = re.findall(r'```python\n(# my_parts.py.*?)```', DOC.read_text(),
                        re.DOTALL)
    assert len(blocks) == 5
    folder = tmp_path_factory.mktemp('parts')
    (folder / 'my_parts.py').write_text('\n'.join(blocks))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import_modules_from_strings(['my_parts'])
        yield 'my_parts'
    sys.modules.pop('my_parts', None)


def test_a_head_and_a_loss_from_ones_own_file(my_parts, tmp_path):
    cfg = digits_cfg(
        tmp_path / 'joint', dict(max_epochs=1), head='ProductHead')
    runner = train(cfg)
    assert type(runner.model.head).__module__ == my_parts
    assert 'acc/top1_audio' in runner.train_loop.assembled_metrics

    loop = dict(
        type='mmbalance_plugin.UDITrainLoop',
        max_epochs=1,
        complementarity=None,
        consistency=dict(type='mmbalance_plugin.CosineConsistency'))
    runner = train(digits_cfg(tmp_path / 'udi', loop))
    guidance = runner.train_loop.guidance
    assert type(guidance.consistency).__module__ == my_parts


def test_a_data_set_from_ones_own_file(my_parts, tmp_path):
    for name in 'abc':
        write_clip(tmp_path / f'{name}.mp4', frames=2)
    (tmp_path / 'pets.csv').write_text(
        'path,label,split\na.mp4,dog,train\nb.mp4,cat,test\n'
        'c.mp4,cat,train\n')
    dataset = DATASETS.build(
        dict(type='mmbalance_plugin.PetsDataset', split='train',
             ann_file=str(tmp_path / 'pets.csv'), pipeline=[],
             data_prefix=dict(video=str(tmp_path))))
    assert type(dataset).__module__ == my_parts
    assert [dataset.get_data_info(i)['label'] for i in range(2)] == [1, 0]
    assert len(dataset) == 2


def test_a_backbone_from_ones_own_file(my_parts, tmp_path):
    cfg = digits_cfg(tmp_path, dict(max_epochs=1))
    cfg.model.encoders.audio = dict(
        backbone=dict(type='mmbalance_plugin.TwoConvolutions'),
        feat_channels=32)
    runner = train(cfg)
    backbone = runner.model.encoders.audio.backbone
    assert type(backbone).__module__ == my_parts
    assert 'acc/top1_audio' in runner.train_loop.assembled_metrics


def test_a_gradient_method_from_ones_own_file(my_parts, tmp_path):
    wrapper = dict(
        type='mmbalance_plugin.GradientOptimWrapper',
        method=dict(
            type='mmbalance_plugin.MyMLB',
            alpha=.5,
            beta_max=10.,
            log_interval=1))
    cfg = digits_cfg(tmp_path, dict(max_epochs=1), head='ConcatHead',
                     optim_wrapper=wrapper)
    runner = train(cfg)
    assert type(runner.optim_wrapper.method).__module__ == my_parts
    last, scalars = runner.optim_wrapper.method.last, \
        runner.message_hub.log_scalars
    for m, score in last['scores'].items():
        [other] = [s for o, s in last['scores'].items() if o != m]
        excess = 9. if other > score else 1.
        k = 1 + excess * math.tanh(.5 * (other / score - 1))
        assert last['coefficients'][m].item() == pytest.approx(k, rel=1e-5)
        assert scalars[f'train/mymlb_coefficient_{m}'].current() == \
            pytest.approx(k, rel=1e-5)
