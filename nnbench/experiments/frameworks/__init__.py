"""One training in several frameworks, each in its own process.

``measure`` gives every framework the same ``Problem`` (data, initial weights, order); ``worker`` is the
process that loads one framework and trains; the other files are the frameworks.
"""
