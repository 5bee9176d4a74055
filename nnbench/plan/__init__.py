"""From claims to cells: what is to be measured, and checked before anything is."""
