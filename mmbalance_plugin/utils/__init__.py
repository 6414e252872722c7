"""What every room of the package uses."""
_STREAMS = ('seeded', 'stream', 'stream_seed')


def __getattr__(name: str):
    """Import random streams when asked: reading media needs no torch."""
    if name in _STREAMS:
        from . import streams
        return getattr(streams, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
