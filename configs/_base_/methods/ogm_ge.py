# OGM-GE: OGM with gradient noise.
_base_ = './ogm.py'

ogm = dict(generalization_enhancement=True)
