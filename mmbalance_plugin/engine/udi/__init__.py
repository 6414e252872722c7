from .anchor_cache import AnchorCache, build_anchor_cache
from .anchor_selection import AnchorChoice, choose_anchor
from .controller import AlphaController
from .guidance import AnchorGuidance

__all__ = [
    'AlphaController', 'AnchorCache', 'AnchorChoice', 'AnchorGuidance',
    'build_anchor_cache', 'choose_anchor'
]
