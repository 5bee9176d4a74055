"""How far a run is: what it measures, in words for people, and how long the rest takes."""
