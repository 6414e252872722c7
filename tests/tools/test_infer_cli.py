"""tools/infer.py as a command."""
import importlib.util
import json
import sys

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmbalance_plugin.apis import MultimodalInferencer
from tests.apis.inferencer_utils import (
    CLASSES,
    media_config,
    random_clips,
    save_model,
    tiny_config,
    trained_model,
)
from tests.media_utils import tone, write_clip


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A config, its checkpoint and two clips as arrays."""
    folder = tmp_path_factory.mktemp('infer')
    config = tiny_config('mean', class_names=CLASSES)
    config.dump(folder / 'config.py')
    save_model(trained_model(config), folder / 'model.pth')
    clips = []
    for index, clip in enumerate(random_clips(2)):
        clips.append(str(folder / f'clip {index}.npz'))
        np.savez(clips[-1], **{m: x.numpy() for m, x in clip.items()})
    return folder, clips


@pytest.fixture
def infer(root, files, monkeypatch, capsys):
    """Run the command in this process; returns its standard output."""
    spec = importlib.util.spec_from_file_location(
        'tools_infer', root / 'tools' / 'infer.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(*args, folder=None):
        start = folder or files[0]
        monkeypatch.setattr(sys, 'argv', [
            'infer.py',
            str(start / 'config.py'),
            str(start / 'model.pth'), '--device', 'cpu', *map(str, args)
        ])
        tool.main()
        return capsys.readouterr().out

    return run


def expected(files):
    folder, clips = files
    inferencer = MultimodalInferencer(folder / 'config.py',
                                      folder / 'model.pth', 'cpu')
    return [result.to_dict() for result in inferencer(clips)]


def read(text):
    """JSON whose last digit may depend on the size of the batch."""
    return json.loads(text, parse_float=lambda x: round(float(x), 6))


def as_json(results):
    return read(json.dumps(results))


def test_prints_nothing_but_json(files, root, run_python):
    folder, clips = files
    done = run_python(root / 'tools' / 'infer.py', folder / 'config.py',
                      folder / 'model.pth', *clips, '--format', 'json',
                      '--device', 'cpu')
    assert done.returncode == 0, done.stderr
    report = read(done.stdout)
    assert report['clips'] == as_json(expected(files))
    assert report['classes'] == list(CLASSES)
    assert report['modalities'] == ['audio', 'visual']
    assert report['value'] == 'probability'
    assert report['checkpoint'] == str(folder / 'model.pth')


def test_table_and_file(files, infer, tmp_path):
    output = infer('--batch-size', 1, '--out', tmp_path / 'found.json',
                   *files[1])
    results = expected(files)
    lines = output.strip().split('\n')
    assert len(lines) == 4
    for line, result in zip(lines[2:], results):
        assert line.startswith(result['clip'])
        assert f'{result["name"]} {result["score"]:.3f}' in line
    report = read((tmp_path / 'found.json').read_text('utf-8'))
    assert report['clips'] == as_json(results)


def test_options_reach_the_model(files, infer):
    options = ('--format', 'json', '--value', 'log_probability',
               '--cfg-options', 'model.head.combine=sum_logits')
    report = json.loads(infer(*files[1], *options))
    assert report['value'] == 'log_probability'
    for clip, mean in zip(report['clips'], expected(files)):
        assert clip['scores'] != mean['scores']
        assert clip['baseline'] == pytest.approx(-np.log(len(CLASSES)))
        shares = [part['share'] for part in clip['modalities'].values()]
        assert clip['baseline'] + sum(shares) == pytest.approx(
            np.log(clip['score']), abs=1e-5)


def test_several_labels_as_csv(files, infer):
    text = infer(
        *files[1], '--format', 'csv', '--threshold', '0.01', '--cfg-options',
        'model.head.multi_class=True', 'model.head.combine=sum_logits')
    header, *rows = text.strip().split('\n')
    assert header.startswith('clip,label,score,baseline,audio_label')
    assert all(row.split(',')[1] in CLASSES for row in rows)
    assert {row.split(',')[0] for row in rows} <= set(files[1])


@pytest.mark.parametrize('args, message', [
    ((), 'no clip to predict'),
    (('--clip', 'audio'), 'takes MODALITY=FILE'),
    (('--clip', 'audio=a', 'audio=b'), 'each modality once'),
    (('a.npz', '--batch-size', 0), 'must be positive'),
    (('a.npz', '--out', 'nowhere/found.json'), 'no folder nowhere'),
    (('a.npz', '--out', '.'), '--out: . is a folder'),
])
def test_usage_errors(infer, capsys, args, message):
    with pytest.raises(SystemExit) as error:
        infer(*args)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('args, message', [
    (('gone.npz', ), 'error: gone.npz: no such file'),
    (('--clip', 'smell=a.wav'), "error: smell=a.wav has ['smell']"),
])
def test_bad_clips_are_one_line_each(infer, args, message):
    with pytest.raises(SystemExit) as error:
        infer(*args)
    assert str(error.value.code).startswith(message)


@pytest.mark.parametrize('args, message', [
    (('a.npz', '--device', 'toaster'), "error: device 'toaster' cannot be"),
    (('a.npz', '--cfg-options', 'class_names=[a]'),
     'error: class_names of the config has 1 names'),
    (('a.npz', '--cfg-options', 'model.type=Recognizer2D'),
     'error: a config is needed whose model'),
])
def test_errors_are_one_line_without_traceback(infer, capsys, args, message):
    with pytest.raises(SystemExit) as error:
        infer(*args)
    assert error.value.code == 2
    told = capsys.readouterr().err
    assert told.splitlines()[-1].startswith(message)
    assert 'Traceback' not in told


def test_one_bad_clip_does_not_cost_the_others(files, infer, capsys, tmp_path):
    (tmp_path / 'torn.npz').write_bytes(b'PK torn')
    first, second = files[1]
    clips = [first, tmp_path / 'torn.npz', second, 'gone.npz']
    out = tmp_path / 'found.json'
    with pytest.raises(SystemExit) as error:
        infer(*clips, '--out', out, '--batch-size', 2)
    table = capsys.readouterr().out
    report = read(out.read_text('utf-8'))
    assert report['clips'] == as_json(expected(files))
    assert all(clip['clip'] in table for clip in report['clips'])
    assert [f['clip'] for f in report['failed']] == [
        str(tmp_path / 'torn.npz'), 'gone.npz']
    assert 'torn.npz is no npz file' in str(error.value.code)
    assert 'error: gone.npz: no such file' in str(error.value.code)


def test_wrong_files(files, infer, capsys, tmp_path):
    folder, clips = files
    (tmp_path / 'config.py').write_text((folder / 'config.py').read_text())

    def last_line():
        with pytest.raises(SystemExit) as error:
            infer(*clips, folder=tmp_path)
        assert error.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    assert 'error: there is no checkpoint' in last_line()
    whole = (folder / 'model.pth').read_bytes()
    (tmp_path / 'model.pth').write_bytes(whole[:len(whole) // 2])
    assert 'model.pth is damaged: ' in last_line()
    save_model(trained_model(tiny_config('mlp')), tmp_path / 'model.pth')
    assert 'head.branches.audio.weight' in last_line()


def test_trains_then_infers_clips_on_disk(infer, tmp_path):
    """From an annotation to predictions, with the real runner between."""
    paths = [
        write_clip(tmp_path / f'clip {i}.mp4', frames=12,
                   sound=tone(.5, hertz=200 * (i + 1))) for i in range(4)
    ]
    mute = write_clip(tmp_path / 'mute.mp4', frames=12)
    (tmp_path / 'clips.csv').write_text('path,label\n' + ''.join(
        f'{path},{CLASSES[i]}\n' for i, path in enumerate(paths)))
    config = media_config('mean')
    config.test_dataloader.dataset.ann_file = str(tmp_path / 'clips.csv')
    config.dump(tmp_path / 'config.py')
    training = Config.fromfile(tmp_path / 'config.py')
    training.merge_from_dict(
        dict(
            work_dir=str(tmp_path / 'run'),
            train_dataloader=training.test_dataloader.to_dict(),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=.01)),
            test_dataloader=None))
    Runner.from_cfg(training).train()
    (tmp_path / 'run' / 'epoch_1.pth').rename(tmp_path / 'model.pth')

    wave = write_clip(tmp_path / 'other.wav', frames=None, sound=tone(.5),
                      acodec='pcm_s16le')
    infer(
        *paths, mute, '--missing', 'mask', '--out', tmp_path / 'found.json',
        '--clip', f'audio={wave}', f'visual={mute}', folder=tmp_path)
    report = read((tmp_path / 'found.json').read_text('utf-8'))
    clips = report['clips']
    assert report['classes'] == list(CLASSES)
    assert [clip['clip'] for clip in clips] == [
        *paths, mute, f'audio={wave} visual={mute}'
    ]
    assert [clip['modalities']['audio'] is None for clip in clips] == [
        False, False, False, False, True, False
    ]
    with pytest.raises(SystemExit, match='mute.mp4.*no sound'):
        infer(*paths, mute, folder=tmp_path)
