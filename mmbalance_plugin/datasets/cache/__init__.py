"""What a cache of decoded media is made of."""
from .content import Content, ContentHashes
from .entries import encode_entry, kept_as_read, read_entry
from .folder import CacheFolder
from .settings import canonical, describe, versions

__all__ = [
    'CacheFolder', 'Content', 'ContentHashes', 'canonical', 'describe',
    'encode_entry', 'kept_as_read', 'read_entry', 'versions'
]
