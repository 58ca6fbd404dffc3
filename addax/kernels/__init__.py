"""Lowerings of a few primitives. Ops and layers call them; which variant runs where is decided here."""
