"""What the tools share: from a command line to a runner.

The top of the house: nothing in the package imports it, and importing it
loads neither torch nor MMAction2.
"""
