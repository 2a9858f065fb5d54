"""Feast's offline and online store: point-in-time joins, materialisation, agreement of the two."""
