"""Results of a part of a pipeline, computed once and kept on disk."""
import hashlib
import json
import os
from typing import Dict, List, Optional, Sequence

from mmengine.dataset import Compose

from mmbalance_plugin.registry import TRANSFORMS

from ..cache import (
    CacheFolder,
    FileState,
    canonical,
    describe,
    encode_entry,
    kept_as_read,
    read_entry,
    state_of,
    versions,
)
from ..determinism import is_deterministic
from .base import Transform

#: Version of what an entry looks like and depends on.
LAYOUT = 3
# What the transforms see of a sample besides its files ...
_SEEN = ('start', 'end', 'modality')
# ... of exchanged pairs only, see AudioVisualDataset ...
_OF_ANOTHER = ('audio_start', 'audio_end')
# ... and what they may see because it cannot change what is kept.
_HARMLESS = ('missing', 'sample_idx')


@TRANSFORMS.register_module()
class CachedTransforms(Transform):
    """Run transforms once for each clip and read their results ever after.

    Wrap what is slow and always the same (decoding, resizing, spectrograms)
    and leave outside what is random, so that every epoch still sees another
    crop and other frames.

    An entry is found by everything that its values depend on, which
    docs/datasets/clips.md lists; it also tells what happens where processes
    share a folder, are killed, or cannot write. Of the sample the transforms
    see nothing else: what an earlier, perhaps random, transform put there is
    hidden from them.

    Required Keys:

    - those in ``sources`` and ``depends``
    - start, end, modality (optional)

    Added Keys: those in ``keys``, and nothing else.

    Args:
        transforms (list[dict]): None of them may be random.
        keys (Sequence[str]): What to keep of the results: arrays, tensors,
            numbers, strings, and flat lists of these.
        folder (str): Where to keep it.
        sources (Sequence[str]): Which of the sample's files the transforms
            read. Defaults to ``('filename', 'audio_path')``.
        depends (Sequence[str]): What else of the sample they read, e.g. a
            column of the annotation. Defaults to ().

    Raises:
        ValueError: A transform is random.
        TypeError: A transform or an argument of it is an object that a later
            run could not recognise, or a result cannot be kept.
        KeyError: A result in ``keys`` is not there.

    Note:
        Code that the module of a transform of yours imports is not looked
        at: delete the folder after changing that.
    """

    def __init__(self,
                 transforms: List[dict],
                 keys: Sequence[str],
                 folder: str,
                 sources: Sequence[str] = ('filename', 'audio_path'),
                 depends: Sequence[str] = ()) -> None:
        self.transforms = Compose(transforms)
        if not is_deterministic(self.transforms.transforms):
            raise ValueError(
                f'CachedTransforms would freeze what is random in '
                f'{self.transforms}: put it behind the cache')
        self.keys, self.folder = tuple(keys), CacheFolder(folder)
        self.sources = tuple(sorted(sources))
        self.depends = tuple(sorted(depends))
        self.about = json.dumps(
            dict(
                layout=LAYOUT,
                transforms=describe(transforms, self.transforms.transforms),
                keys=sorted(self.keys),
                sources=self.sources,
                depends=self.depends,
                versions=versions()),
            indent=1)
        #: Subfolder of the entries with these settings.
        self.place = hashlib.sha256(self.about.encode()).hexdigest()[:16]
        #: How many entries this process has read and made.
        self.hits = self.misses = 0

    def transform(self, results: dict) -> Optional[dict]:
        """Add what is kept, or compute and keep it."""
        states = self._states(results)
        if states is not None:
            key = self._key(results, states)
            name = f'{self.place}/{key[:2]}/{key[2:]}'
            kept = read_entry(self.folder.path(name), key)
            if kept is not None:
                self.hits += 1
                results.update(kept)
                return results
        self.misses += 1
        found = self._compute(results)
        if found is None:
            return None
        lacking = [key for key in self.keys if key not in found]
        if lacking:
            raise KeyError(f'CachedTransforms should keep {lacking}, but its '
                           f'transforms only give {sorted(found)}')
        kept = kept_as_read({key: found[key] for key in self.keys})
        results.update(kept)
        masked = found.get('masked_keys')
        if masked:
            results.setdefault('masked_keys', set()).update(masked)
        # What was decoded must be what the key names.
        elif states is not None and all(
                state.settled and state_of(results[source]) == state
                for source, state in states.items() if state):
            about = f'{self.place}/about.json'
            if not os.path.exists(self.folder.path(about)):
                self.folder.write(about, [self.about.encode()])
            self.folder.write(name, encode_entry(key, kept))
        return results

    def _states(
            self, results: dict) -> Optional[Dict[str, Optional[FileState]]]:
        """The state of each source; None where one cannot be told."""
        states = {}
        for source in self.sources:
            # To lack a key is not the same as to have None there.
            if source in results:
                path = results[source]
                states[source] = state_of(path) if path else None
                if path and states[source] is None:
                    return None
        return states if any(states.values()) else None

    def _key(self, results: dict, states: dict) -> str:
        about = [self.place, states]
        for key in (*_SEEN, *self.depends):
            if key not in results and key in self.depends:
                raise KeyError(f'CachedTransforms depends on "{key}", which '
                               'is not in the sample')
            about.append(canonical(results.get(key), key))
        about += [canonical(results[key], key) for key in _OF_ANOTHER
                  if key in results]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def _compute(self, results: dict) -> Optional[dict]:
        seen = (*self.sources, *_SEEN, *_OF_ANOTHER, *self.depends,
                *_HARMLESS)
        view = {key: results[key] for key in seen if key in results}
        try:
            return self.transforms(view)
        except KeyError as error:
            key = error.args[0] if error.args else None
            if key in view or key not in results:
                raise
            raise KeyError(
                f'cached transforms need "{key}" of the sample, which they '
                'do not see: name it in `depends` if it is the same in every '
                'epoch, or move what makes it into the cache') from error

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(transforms={self.transforms}, '
                f'keys={self.keys}, folder={self.folder.root!r})')
