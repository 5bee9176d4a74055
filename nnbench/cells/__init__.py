"""A cell: one experiment fully spelled out, the hash that names it, and what it costs."""
