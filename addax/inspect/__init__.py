"""Everything that shows a model to a person."""
