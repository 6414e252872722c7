"""Small trees with the layouts and names of the real media data sets.

Generated pictures and tones in the codecs of the real ones; the class is in
the brightness of the picture and in the pitch of the sound.
"""
import cv2
import numpy as np

from mmbalance_plugin.datasets.prepare.crema_d import EMOTIONS, FAIR
from mmbalance_plugin.datasets.prepare.kinetics_sounds import CLASSES_31
from tests.media_utils import tone, write_clip

FPS, FRAMES, RATE = 10, 6, 8000
SECONDS = FRAMES / FPS


def picture_of(label):
    """A function that draws the pictures of a class."""

    def draw(number, size):
        rng = np.random.default_rng([label, number])
        noise = rng.integers(0, 20, (*size, 3))
        return (noise + 30 + 35 * label).astype(np.uint8)

    return draw


def sound_of(label):
    return tone(SECONDS, RATE, 200. + 300 * label)


def write_video(path, label, sound=True, **kwargs):
    """A clip of a class, with or without sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(
        path, FRAMES, FPS, (32, 48), draw=picture_of(label),
        sound=sound_of(label) if sound else None, rate=RATE, **kwargs)


def actors(train=1, val=1, test=1):
    """Actors of CREMA-D, so many of each split of the fair protocol."""
    wanted, found = dict(train=train, val=val, test=test), []
    for actor in range(1001, 1092):
        split = FAIR[actor]
        if wanted[split]:
            wanted[split] -= 1
            found.append(actor)
    return found


def crema_names(people, sentences=('DFA', )):
    return [
        f'{actor}_{sentence}_{emotion}_XX' for actor in people
        for sentence in sentences for emotion in EMOTIONS
    ]


def crema_d(root, names=None):
    """VideoFlash/*.flv and AudioWAV/*.wav."""
    codes = list(EMOTIONS)
    for folder in ('VideoFlash', 'AudioWAV'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in names or crema_names(actors()):
        label = codes.index(name.split('_')[2])
        write_video(root / 'VideoFlash' / f'{name}.flv', label, sound=False,
                    vcodec='flv')
        write_clip(root / 'AudioWAV' / f'{name}.wav', None,
                   sound=sound_of(label), rate=RATE, acodec='pcm_s16le')
    return root


def crema_d_split(root, names):
    """train.csv and test.csv as they circulate: no header."""
    root.mkdir(parents=True, exist_ok=True)
    half = 2 * len(names) // 3
    for split, part in (('train', names[:half]), ('test', names[half:])):
        (root / f'{split}.csv').write_text(''.join(
            f'{name},{name.split("_")[2]}\n' for name in part))
    return root


def kinetics_sounds(root, classes=CLASSES_31[:2], train=3, test=1):
    """<split>/<class>/<id>_<start>_<end>.mp4, train.csv and val.csv."""
    number = 0
    for split, count in (('train', train), ('val', test)):
        rows = ['label,youtube_id,time_start,time_end,split,is_cc']
        for label, name in enumerate(classes):
            for _ in range(count):
                video, number = f'-id_{number:03d}_{label}xY', number + 1
                start = number * 3
                rows.append(f'{name},{video},{start},{start + 10},{split},0')
                write_video(
                    root / split / name /
                    f'{video}_{start:06d}_{start + 10:06d}.mp4', label)
        # A class of Kinetics that is not one of Kinetics-Sounds.
        rows.append(f'abseiling,nothing{split},0,10,{split},0')
        (root / f'{split}.csv').write_text('\n'.join(rows) + '\n')
    return root


VGG_CLASSES = ('air horn', 'people marching, shouting')


def vggsound(root, train=3, test=1):
    """video/<id>_<start>.mp4 and vggsound.csv."""
    rows, number = [], 0
    for label, name in enumerate(VGG_CLASSES):
        for split, count in (('train', train), ('test', test)):
            for _ in range(count):
                number += 1
                rows.append(f'-vid{number:07d},{number},"{name}",{split}')
                write_video(root / 'video' / f'-vid{number:07d}_'
                            f'{number:06d}.mp4', label)
    (root / 'vggsound.csv').write_text('\n'.join(rows) + '\n')
    return root


UCF_CLASSES = ('ApplyEyeMakeup', 'Archery')


def ucf101(root, groups=(1, 8, 9, 10, 11)):
    """UCF-101/, ucfTrainTestlist/ and tvl1_flow/{u,v}/; group 1 tests."""
    lists = root / 'ucfTrainTestlist'
    lists.mkdir(parents=True)
    rows = dict(train=[], test=[])
    for label, name in enumerate(UCF_CLASSES):
        for group in groups:
            clip = f'v_{name}_g{group:02d}_c01'
            write_video(root / 'UCF-101' / name / f'{clip}.avi', label,
                        sound=False, vcodec='mpeg4')
            rows['test' if group < 8 else 'train'].append(
                f'{name}/{clip}.avi')
            for part, value in (('u', 100), ('v', 150)):
                folder = root / 'tvl1_flow' / part / clip
                folder.mkdir(parents=True)
                for number in range(1, FRAMES):
                    picture = np.full((24, 36), value + number, np.uint8)
                    cv2.imwrite(f'{folder}/frame{number:06d}.jpg', picture)
    (lists / 'classInd.txt').write_text(''.join(
        f'{i} {name}\n' for i, name in enumerate(UCF_CLASSES, 1)))
    for number in (1, 2, 3):
        for split, names in rows.items():
            numbered = (f'{n} {UCF_CLASSES.index(n.split("/")[0]) + 1}\n'
                        if split == 'train' else f'{n}\n' for n in names)
            (lists / f'{split}list{number:02d}.txt').write_text(
                ''.join(numbered))
    return root


TREES = dict(crema_d=crema_d, kinetics_sounds=kinetics_sounds,
             vggsound=vggsound, ucf101=ucf101)
