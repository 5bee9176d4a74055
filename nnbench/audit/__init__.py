"""Whether a report or a record still holds: two reports side by side, and cells measured again."""
