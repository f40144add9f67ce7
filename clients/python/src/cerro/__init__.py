"""Cerro in Python. The files of an archive are read by :mod:`cerro.archive`."""
