"""The Python side of Anneal's engine: a reporting plugin for Axolotl and the scripts around a training.

This folder's parent is put on PYTHONPATH; nothing here is installed as a package. Importing the package imports
nothing else, because every script pays for `torch` and `transformers` itself (5 to 20 s).
"""
