# Clips of your own, and decoded only once: their frames and spectrograms are
# kept in data/cache.
# mmbalance prepare clips --source DIR checks them and writes data/clips: the
# splits, classes.txt, and settings.json, which is yours to edit. Another
# folder (--out): MMBALANCE_CLIPS=FOLDER before the command. See
# docs/datasets.md.
_base_ = [
    '../datasets/audio_visual_clips_cached.py',
    '../models/audio_visual_resnet18.py',
    '../schedules/sgd_100e.py',
    '../default_runtime.py'
]
# Below _base_: MMEngine takes the file for one of another kind else.
import json  # noqa: E402
import pathlib  # noqa: E402

data_root = '{{$MMBALANCE_CLIPS:data/clips}}'
settings = dict(
    sound_seconds=3.0,
    sample_rate=22050,
    picture=224,
    kept_fps=2,
    batch_size=64,
    max_epochs=100,
    num_workers=4,
    allow_truncated=False,
    allow_changes=False,
    allow_damage=0,
    square_pixels=False)
num_classes = 2
# As long as there are none, the recipe of the field.
if pathlib.Path(data_root, 'settings.json').is_file():
    settings.update(
        json.loads(pathlib.Path(data_root, 'settings.json').read_bytes()))
    num_classes = pathlib.Path(data_root, 'own/classes.txt').read_text(
        encoding='utf-8').count('\n')

max_epochs = settings['max_epochs']
# As preparation read the clips.
early = dict(allow_truncated=settings['allow_truncated'])
allowed = {key: settings[key] for key in ('allow_changes', 'allow_damage')}
shown = dict(**allowed, square_pixels=settings['square_pixels'])
size = settings['picture']
frames, sample, read, crop, scaled, flip, shape = _base_.visual_train
init, rate, decode, shrink, stack = frames.transforms
visual_train = [
    dict(
        frames,
        transforms=[
            dict(init, **early),
            dict(rate, fps=settings['kept_fps']),
            dict(decode, **shown),
            # A little to crop, as 256 for 224.
            dict(shrink, scale=(-1, size * 8 // 7)), stack
        ]),
    sample, read, crop,
    dict(scaled, scale=(size, size)), flip, shape
]
pictures, = _base_.visual_test
init, sample, decode, scaled, shape = pictures.transforms
visual_test = [
    dict(
        pictures,
        transforms=[
            dict(init, **early), sample,
            dict(decode, **shown),
            dict(scaled, scale=(size, size)), shape
        ])
]
sound, = _base_.audio
decode, spectrogram = sound.transforms
audio = [
    dict(
        sound,
        transforms=[
            dict(
                decode,
                sample_rate=settings['sample_rate'],
                duration=settings['sound_seconds'],
                **early,
                **allowed), spectrogram
        ])
]
train_pipeline = [
    dict(**_base_.both, visual=visual_train, audio=audio), _base_.pack
]
test_pipeline = [
    dict(**_base_.both, visual=visual_test, audio=audio), _base_.pack
]

dataset = dict(
    type='mmbalance_plugin.OwnClipsDataset',
    data_root=data_root,
    protocol='own')
loader = dict(
    batch_size=settings['batch_size'],
    num_workers=settings['num_workers'],
    persistent_workers=settings['num_workers'] > 0)
train_dataloader = dict(
    **loader, dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    **loader, dataset=dict(**dataset, split='val', pipeline=test_pipeline))
test_dataloader = dict(
    **loader, dataset=dict(**dataset, split='test', pipeline=test_pipeline))

model = dict(head=dict(num_classes=num_classes))
