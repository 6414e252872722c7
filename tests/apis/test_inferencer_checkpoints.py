"""What the inferencer takes from a checkpoint, and what it refuses."""
import copy

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from mmbalance_plugin.apis import (
    CheckpointMismatchError,
    MultimodalInferencer,
)
from mmbalance_plugin.registry import MODELS
from tests.apis.inferencer_utils import (
    CLASSES,
    make,
    predicted,
    random_clips,
    save_model,
    tiny_config,
    trained_model,
)


class TestCheckpoints:

    def test_missing_weights_are_listed(self, tmp_path):
        small = trained_model(tiny_config(modalities=('audio', )))
        path = save_model(small, tmp_path / 'audio.pth')
        with pytest.raises(CheckpointMismatchError) as error:
            MultimodalInferencer(tiny_config(), path, 'cpu')
        message = str(error.value)
        assert 'audio.pth does not fit' in message
        assert 'encoders.visual.backbone.layers.0.weight' in message
        assert 'head.fc.weight: (4, 8) in the file, (4, 16)' in message

    def test_other_shapes_are_listed(self, tmp_path):
        config = tiny_config()
        path = save_model(trained_model(config), tmp_path / 'model.pth')
        with pytest.raises(CheckpointMismatchError) as error:
            MultimodalInferencer(
                config, path, 'cpu', cfg_options={'model.head.num_classes': 3})
        assert 'head.fc.bias: (4,) in the file, (3,)' in str(error.value)
        assert 'missing' not in str(error.value)

    def test_superfluous_weights_are_reported(self, tmp_path, caplog):
        config = tiny_config('mean')
        model = trained_model(config)
        path = save_model(model, tmp_path / 'both.pth')
        logger = MMLogger.get_instance('test', logger_name='test')
        logger.addHandler(caplog.handler)
        alone = MultimodalInferencer(
            tiny_config('mean', ('visual', )), path, 'cpu')
        assert 'encoders.audio.' in caplog.text
        clips = random_clips(2)
        results = alone([dict(visual=clip['visual']) for clip in clips])
        for result, sample in zip(results, predicted(model, clips)):
            np.testing.assert_allclose(
                result.scores, sample.pred_scores['visual'], rtol=1e-5)

    @pytest.mark.parametrize('prefix', ['module.', 'recognizer.'])
    def test_prefixes_of_wrappers(self, tmp_path, prefix):
        config = tiny_config()
        state = trained_model(config).state_dict()
        path = tmp_path / 'wrapped.pth'
        torch.save({prefix + key: value for key, value in state.items()},
                   path)
        inferencer = MultimodalInferencer(config, path, 'cpu')
        for key, value in inferencer.model.state_dict().items():
            assert torch.equal(value, state[key])

    def test_wrapped_config(self, tmp_path):
        config = tiny_config()
        path = save_model(trained_model(config), tmp_path / 'model.pth')
        plain, = MultimodalInferencer(config, path, 'cpu')(random_clips(1))
        inner = config.model.to_dict()
        wrapped = tiny_config()
        wrapped.model = dict(
            type='mmbalance_plugin.NotNeededForInference',
            q_base=.5,
            data_preprocessor=inner.pop('data_preprocessor'),
            recognizer=inner)
        inferencer = MultimodalInferencer(wrapped, path, 'cpu')
        assert inferencer(random_clips(1))[0].scores == plain.scores

    def test_checkpoint_of_opm(self, tmp_path):
        config = tiny_config()
        bare = save_model(trained_model(config), tmp_path / 'bare.pth')
        config.model = dict(
            type='mmbalance_plugin.OPM', recognizer=config.model.to_dict())
        wrapped = MODELS.build(copy.deepcopy(config.model))
        wrapped.load_state_dict(torch.load(bare)['state_dict'])
        path = save_model(wrapped, tmp_path / 'opm.pth')
        plain, = MultimodalInferencer(tiny_config(), bare,
                                      'cpu')(random_clips(1))
        inferencer = MultimodalInferencer(config, path, 'cpu')
        assert type(inferencer.model).__name__ == 'MultimodalRecognizer'
        assert inferencer(random_clips(1))[0].scores == plain.scores

    def test_other_models_are_refused(self, tmp_path):
        config = tiny_config()
        path = save_model(trained_model(config), tmp_path / 'model.pth')
        config.model = dict(type='Recognizer2D', backbone=dict(type='ResNet'))
        with pytest.raises(ValueError, match="'Recognizer2D', has 0"):
            MultimodalInferencer(config, path, 'cpu')

    def test_files_that_are_not_there(self, tmp_path):
        config = tiny_config()
        with pytest.raises(FileNotFoundError, match='no checkpoint file .*x'):
            MultimodalInferencer(config, tmp_path / 'x.pth', 'cpu')
        with pytest.raises(FileNotFoundError, match='no config .*x.py'):
            MultimodalInferencer(tmp_path / 'x.py', 'x.pth', 'cpu')

    def test_unsafe_files_are_refused(self, tmp_path):
        path = tmp_path / 'unsafe.pth'
        torch.save(dict(state_dict={}, hook=print), path)
        with pytest.raises(RuntimeError, match='cannot be loaded safely'):
            MultimodalInferencer(tiny_config(), path, 'cpu')

    def test_unfinished_stages_are_reported(self, tmp_path, caplog):
        logger = MMLogger.get_instance('test', logger_name='test')
        logger.addHandler(caplog.handler)
        loop = dict(stage_names=['audio', 'visual'], stage_index=1)
        make(tmp_path, extra=dict(staged_loop=loop))
        assert 'stages' not in caplog.text
        loop['stage_index'] = 0
        make(tmp_path, extra=dict(staged_loop=loop))
        assert "before the stages ['visual']" in caplog.text

    def test_diverged_weights(self, tmp_path):
        config = tiny_config()
        model = trained_model(config)
        with torch.no_grad():
            model.head.fc.weight[0, 0] = float('nan')
        path = save_model(model, tmp_path / 'model.pth')
        with pytest.raises(ValueError, match='not finite'):
            MultimodalInferencer(config, path, 'cpu')(random_clips(1))


class TestClassNames:

    @staticmethod
    def names(tmp_path, class_names=None, meta=None, **config):
        config = tiny_config(**config)
        extra = dict(meta=dict(dataset_meta=meta)) if meta else {}
        path = save_model(
            trained_model(config), tmp_path / 'model.pth', **extra)
        return MultimodalInferencer(
            config, path, 'cpu', class_names=class_names).classes

    def test_order_of_places(self, tmp_path):
        loader = dict(
            test_dataloader=dict(
                dataset=dict(
                    type='RepeatDataset',
                    dataset=dict(
                        type='mmbalance_plugin.AVDigitsDataset',
                        metainfo=dict(classes=list('mnop')),
                        pipeline=[]))))
        meta = dict(classes=list('wxyz'))
        assert self.names(tmp_path) == ('0', '1', '2', '3')
        assert self.names(tmp_path, **loader) == tuple('mnop')
        assert self.names(tmp_path, meta=meta, **loader) == tuple('wxyz')
        assert self.names(tmp_path, CLASSES, meta=meta) == CLASSES

    def test_those_of_the_config_and_of_a_file(self, tmp_path):
        path = tmp_path / 'names.txt'
        path.write_text('\n'.join(CLASSES))
        config = tiny_config(class_names=str(path))
        file = save_model(trained_model(config), tmp_path / 'model.pth')
        assert MultimodalInferencer(config, file, 'cpu').classes == CLASSES

    def test_wrong_number(self, tmp_path):
        with pytest.raises(ValueError, match='has 2 names, .* 4 classes'):
            self.names(tmp_path, ['yes', 'no'])
        # ... of another data set: numbers, and a warning.
        assert self.names(
            tmp_path, meta=dict(classes=['yes', 'no'])) == tuple('0123')
