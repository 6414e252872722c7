"""The weights a run started from, and the way back to them."""
import hashlib
import logging
from typing import Any, Dict, Iterable, List, Mapping, Optional

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmbalance_plugin.utils.streams import generator_kind

from ..modes import named_values
from .seeded_parts import SeededParts


class InitialWeights(SeededParts):
    """Initial weights of :class:`MultimodalRecognizer`, whatever gave them.

    What config and seed give is built anew when it is wanted: it costs
    neither memory nor room in a checkpoint. What differed from that when the
    run started, because ``load_from``, a hook or a user's own code put it
    there, is kept on the CPU and goes into checkpoints. A checkpoint
    therefore needs no other file to go on from, unless ``init_cfg`` names
    one; that one must still give the same weights, which a digest tells.
    """

    _noted: Optional[Dict[str, Any]] = None

    @torch.no_grad()
    def note_initial_weights(self, parts: Iterable[str]) -> None:
        """Take the present weights for the initial ones.

        To be called before the first step, on every rank; several may call
        it, for parts of their own.

        Args:
            parts (Iterable[str]): Those that may be reset later; dotted
                names of modules, as :meth:`find_parts` gives them.
        """
        fresh, mine = self.built_anew(), named_values(self)
        given = {
            name: mine[name].to('cpu', copy=True)
            for name in self._names(fresh, parts)
            if not torch.equal(mine[name], fresh[name])
        }
        if self._noted is not None:
            given = {**given, **self._noted['given']}
        self._noted = dict(
            given=given,
            seed=self.init_seed,
            digest=_digest(fresh),
            built_on=_drawn_on(fresh))

    @torch.no_grad()
    def initial_weights(self, parts: Iterable[str]) -> Dict[str, Tensor]:
        """The weights from which the run started, or would start.

        Under distributed training every rank must call this, for parts as in
        :meth:`note_initial_weights`.

        Returns:
            dict[str, Tensor]: Name to value of parameters and buffers.

        Raises:
            RuntimeError: They cannot be built as they were.
        """
        fresh = self.built_anew()
        names = self._names(fresh, parts)
        if self._noted is None:
            return {name: fresh[name] for name in names}
        _check(self._noted, fresh)
        given = self._noted['given']
        return {
            name: given[name].to(fresh[name]) if name in given else fresh[name]
            for name in names
        }

    @torch.no_grad()
    def reset_parts(self, parts: Iterable[str]) -> None:
        """Put parts back to their initial weights, bit for bit.

        Values are copied, so parameters keep their identity and may be in an
        optimiser or in DDP.
        """
        mine = named_values(self)
        for name, value in self.initial_weights(parts).items():
            mine[name].copy_(value)

    def initial_state(self) -> Optional[Dict[str, Any]]:
        """What a checkpoint must hold of the initial weights; plain data."""
        return self._noted

    def load_initial_state(self, state: Optional[Mapping[str, Any]]) -> None:
        """Undo :meth:`initial_state`, on every rank.

        Raises:
            RuntimeError: The initial weights cannot be built as they were.
        """
        if state is None:
            return
        given = {name: v.cpu() for name, v in state['given'].items()}
        if self._noted is not None:
            given = {**given, **self._noted['given']}
        self._noted = dict(state, given=given)
        self.init_seed = state['seed']
        _check(self._noted, self.built_anew())

    @staticmethod
    def _names(values: Iterable[str], parts: Iterable[str]) -> List[str]:
        prefixes = tuple(f'{part}.' if part else '' for part in parts)
        return [name for name in values if name.startswith(prefixes)]


def _check(noted: Mapping[str, Any], fresh: Mapping[str, Tensor]) -> None:
    if _digest(fresh) == noted['digest']:
        return
    before, now = noted['built_on'], _drawn_on(fresh)
    if before == now:
        raise RuntimeError(
            'the initial weights of this run cannot be built again: a file '
            'that init_cfg names has changed, or the code that draws them. '
            'Put the file back, or start a new run')
    print_log(
        f'The initial weights were drawn with {before}, now with {now}, '
        'which draws others: what starts from its initial weights from here '
        'on does not continue the run bit for bit',
        logger='current',
        level=logging.WARNING)


def _digest(values: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(name.encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _drawn_on(values: Mapping[str, Tensor]) -> str:
    return generator_kind(next(iter(values.values())).device)
