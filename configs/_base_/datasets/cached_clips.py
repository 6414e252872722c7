# What a cache keeps of clips with sound; see docs/datasets.md. A config
# *_cached.py inherits from it and from the config of a data set.
# Training draws from frames kept at an even rate, with a short side of 256
# pixels.
kept_frames = dict(
    type='mmbalance_plugin.CachedTransforms',
    sources=('filename', ),
    keys=('array', 'total_frames', 'start_index', 'avg_fps', 'frame_times',
          'frame_end', 'frame_numbers'))
smaller = [
    dict(type='Resize', scale=(-1, 256)),
    dict(type='mmbalance_plugin.StackFrames')
]
# Tests draw nothing: the pictures that they show are kept as they are.
kept_pictures = dict(
    type='mmbalance_plugin.CachedTransforms',
    sources=('filename', ),
    keys=('imgs', 'img_shape'))
kept_sound = dict(
    type='mmbalance_plugin.CachedTransforms',
    sources=('audio_path', ),
    keys=('audios', 'sample_rate'))
