"""A report as one HTML file that needs nothing else."""
from .page import Figure, Section, Table, Verdict, render_page

__all__ = ['Figure', 'Section', 'Table', 'Verdict', 'render_page']
