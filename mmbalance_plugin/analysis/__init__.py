from .comparison import collect_runs, comparison_table

__all__ = ['collect_runs', 'comparison_table']
