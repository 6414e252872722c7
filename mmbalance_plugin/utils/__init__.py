from .streams import seeded, stream, stream_seed

__all__ = ['seeded', 'stream', 'stream_seed']
