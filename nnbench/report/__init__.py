"""From ``results.json`` to pages: HTML in one file, Markdown with figures, and CSV."""
