"""The mechanisms everything else stands on; imports nothing from the other packages."""
