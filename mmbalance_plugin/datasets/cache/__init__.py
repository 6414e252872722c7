"""What a cache of decoded media is made of."""
from .entries import encode_entry, kept_as_read, read_entry
from .file_state import FileState, state_of
from .folder import CacheFolder
from .settings import canonical, describe, versions

__all__ = [
    'CacheFolder', 'FileState', 'canonical', 'describe', 'encode_entry',
    'kept_as_read', 'read_entry', 'state_of', 'versions'
]
