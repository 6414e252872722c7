from .anchor_selection import AnchorChoice, choose_anchor
from .controller import AlphaController
from .guidance import AnchorGuidance

__all__ = [
    'AlphaController', 'AnchorChoice', 'AnchorGuidance', 'choose_anchor'
]
