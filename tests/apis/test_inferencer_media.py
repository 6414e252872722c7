"""Predictions of clips on disk."""
import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mmbalance_plugin.apis import ClipError, MultimodalInferencer
from mmbalance_plugin.apis.building import default_scope
from mmbalance_plugin.datasets import UCF101Dataset
from mmbalance_plugin.datasets.prepare import prepare
from mmbalance_plugin.media import MediaError
from tests.apis.inferencer_utils import (
    CLASSES,
    media_config,
    save_model,
    tiny_config,
    trained_model,
)
from tests.datasets import media_trees
from tests.media_utils import tone, truncate, write_clip


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Clips with sound, without sound, without picture."""
    folder = tmp_path_factory.mktemp('clips of ä day')
    made = [
        write_clip(
            folder / f'clip {i}.mp4', frames=20, sound=tone(.8, hertz=300 * i))
        for i in (1, 2, 3)
    ]
    mute = write_clip(folder / 'mute.mp4', frames=20)
    wave = write_clip(folder / 'sound.wav', frames=None, sound=tone(.8),
                      acodec='pcm_s16le')
    return dict(complete=made, mute=mute, wave=wave, folder=folder)


def make(tmp_path, config):
    model = trained_model(config)
    path = save_model(model, tmp_path / 'model.pth')
    return MultimodalInferencer(config, path, 'cpu'), model


def by_testing(config, model, rows, folder):
    """What testing on an annotation of these clips predicts."""
    (folder / 'clips.csv').write_text(
        'video,audio,label\n' + '\n'.join(
            f'{video or ""},{audio or ""},calm' for video, audio in rows),
        encoding='utf-8')
    config.test_dataloader.dataset.ann_file = str(folder / 'clips.csv')
    with default_scope(config):
        loader = Runner.build_dataloader(config.test_dataloader)
    with torch.no_grad():
        return [s for batch in loader for s in model.test_step(batch)]


def test_equals_testing_on_an_annotation(tmp_path, clips):
    config = media_config()
    inferencer, model = make(tmp_path, config)
    assert inferencer.classes == CLASSES
    files = clips['complete']
    results = inferencer(files, batch_size=2)
    samples = by_testing(config, model, [(f, f) for f in files], tmp_path)
    assert [r.clip for r in results] == files
    assert len({r.scores for r in results}) == 3
    for result, sample in zip(results, samples):
        np.testing.assert_allclose(
            result.scores, sample.pred_score, rtol=1e-4)
        for m in ('visual', 'audio'):
            np.testing.assert_allclose(
                result.modalities[m].scores, sample.pred_scores[m],
                rtol=1e-4)


def test_one_file_for_each_modality(tmp_path, clips):
    config = media_config()
    inferencer, model = make(tmp_path, config)
    video, sound = clips['complete'][1], clips['wave']
    result, = inferencer(dict(audio=sound, visual=video))
    sample, = by_testing(config, model, [(video, sound)], tmp_path)
    np.testing.assert_allclose(result.scores, sample.pred_score, rtol=1e-4)
    assert result.clip == f'audio={sound} visual={video}'
    same, = inferencer(dict(audio=video, visual=video))
    assert same.scores == inferencer(video)[0].scores != result.scores


@pytest.mark.parametrize('head', ['concat', 'sum', 'fitted'])
def test_testing_and_inference_leave_out_the_same(tmp_path, clips, head):
    """One file of each kind, in one batch of the test and one by one."""
    config = media_config(head, missing='mask')
    inferencer, model = make(tmp_path, config)
    full, mute, wave = clips['complete'][0], clips['mute'], clips['wave']
    samples = by_testing(
        config, model, [(full, full), (mute, mute), ('', wave)], tmp_path)
    for result, sample in zip(inferencer([full, mute, wave], 1), samples):
        np.testing.assert_allclose(
            result.scores, sample.pred_score, rtol=1e-4, atol=1e-6)
        assert result.label == int(sample.pred_label)
        assert [m for m, part in result.modalities.items() if part] == list(
            sample.pred_scores)


@pytest.mark.parametrize('head', ['concat', 'mean'])
def test_clip_without_sound_or_picture(tmp_path, clips, head):
    inferencer, model = make(tmp_path, media_config(head, missing='mask'))
    full = clips['complete'][0]
    picture = inferencer([clips['mute'], full])
    assert [r.missing for r in picture] == [('audio', ), ()]
    also, = inferencer(dict(visual=full))
    assert also.missing == ('audio', )
    if head == 'mean':
        np.testing.assert_allclose(
            also.scores, picture[1].modalities['visual'].scores, rtol=1e-4)
    for source in (clips['wave'], dict(audio=clips['wave'])):
        sound, = inferencer(source)
        assert sound.missing == ('visual', )
        assert sound.baseline + sound.modalities['audio'].share == \
            pytest.approx(sound.score, abs=1e-5)


def test_clip_without_sound_is_an_error_by_default(tmp_path, clips):
    inferencer, _ = make(tmp_path, media_config())
    with pytest.raises(ClipError, match="mute.mp4.*no sound.*missing='mask'"):
        inferencer(clips['mute'])
    with pytest.raises(ClipError, match="missing='mask'"):
        inferencer(dict(visual=clips['complete'][0]))


def test_files_that_cannot_be_read(tmp_path, clips):
    inferencer, _ = make(tmp_path, media_config(missing='mask'))
    with pytest.raises(MediaError, match='nowhere.mp4: no such file'):
        inferencer(clips['folder'] / 'nowhere.mp4')
    with pytest.raises(MediaError, match='nowhere.wav: no such file'):
        inferencer(dict(visual=clips['complete'][0], audio='nowhere.wav'))
    cut = truncate(clips['complete'][0], tmp_path / 'cut.mp4', .5)
    with pytest.raises(MediaError, match='cut.mp4'):
        inferencer(cut)
    with pytest.raises(ClipError, match=r"has \['smell'\]"):
        inferencer(dict(smell=clips['wave']))


def test_pipelines_that_read_no_files(tmp_path, clips):
    inferencer, _ = make(tmp_path, tiny_config())
    with pytest.raises(ClipError, match='no test_dataloader.*give arrays'):
        inferencer(clips['complete'])
    loader = dict(
        dataset=dict(
            type='mmbalance_plugin.AVDigitsDataset',
            pipeline=[
                dict(
                    type='PackActionInputs',
                    collect_keys=('audio', 'visual'))
            ]))
    inferencer, _ = make(tmp_path, tiny_config(test_dataloader=loader))
    with pytest.raises(ClipError, match="clip 1.mp4: .* needs 'audio', which "
                       'a file alone does not give; pass an item'):
        inferencer(clips['complete'])


def test_class_names_beside_the_annotation(tmp_path, clips):
    """For weights that do not say what they were trained on."""
    (tmp_path / 'ann.csv').write_text('path,label\n')
    config = media_config('mean')
    config.test_dataloader.dataset.pop('classes', None)
    config.test_dataloader.dataset.ann_file = str(tmp_path / 'ann.csv')
    numbers, _ = make(tmp_path, config)
    assert numbers.classes == tuple(map(str, range(len(CLASSES))))
    (tmp_path / 'classes.txt').write_text('\n'.join(CLASSES) + '\n\n')
    names, _ = make(tmp_path, config)
    assert names.classes == CLASSES


def flow_config():
    """Config of a recognizer of frames and optical flow."""
    config = media_config()
    model = config.model
    backbone = dict(
        type='mmbalance_plugin.SmallConvNet', channels=(4, 8))
    model.encoders = {
        m: dict(backbone=dict(backbone, in_channels=c), feat_channels=8)
        for m, c in dict(rgb=3, flow=6).items()
    }
    model.data_preprocessor.preprocessors = dict(
        rgb=dict(mean=120., std=60.), flow=dict(mean=128., std=64.))
    sampled = config.test_dataloader.dataset.pipeline[:2]
    config.test_dataloader.dataset.pipeline = [
        *sampled,
        dict(type='mmbalance_plugin.PerModality',
             rgb=[dict(type='mmbalance_plugin.PyAVVideoDecode')],
             flow=[dict(type='mmbalance_plugin.FlowDecode', length=3)]),
        dict(type='Resize', scale=(32, 32), keep_ratio=False),
        dict(type='mmbalance_plugin.SplitFlow'),
        dict(
            type='mmbalance_plugin.PackMultimodalInputs',
            inputs=dict(rgb='imgs', flow='flows'))
    ]
    return config


def test_flow_is_two_folders_beside_the_clip(tmp_path):
    source = media_trees.ucf101(tmp_path / 'source')
    prepare('ucf101', source, tmp_path / 'data', accept_missing=True)
    config = flow_config()
    inferencer, _ = make(tmp_path, config)
    with default_scope(config):
        dataset = UCF101Dataset(
            'test', config.test_dataloader.dataset.pipeline,
            data_root=str(tmp_path / 'data'), test_mode=True)
    clips, items = [], []
    for index in range(2):
        info = dataset.get_data_info(index)
        clips.append(dict(rgb=info['filename'], flow_u=info['flow_u'],
                          flow_v=info['flow_v']))
        items.append(dataset[index])
    for found, item in zip(inferencer(clips), inferencer(items)):
        assert found.scores == item.scores
        assert found.modalities == item.modalities
    with pytest.raises(ClipError, match='flow_u=PATH flow_v=PATH'):
        inferencer(clips[0]['rgb'])
    for folder, problem in (('gone', 'no such file'), ('', 'no picture')):
        (tmp_path / 'empty').mkdir(exist_ok=True)
        path = str(tmp_path / (folder or 'empty'))
        with pytest.raises(MediaError, match=problem):
            inferencer(dict(clips[0], flow_u=path))
