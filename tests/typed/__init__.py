"""Type checkers over programs of users."""
