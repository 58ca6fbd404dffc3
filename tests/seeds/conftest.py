"""The scripts here are programs to run, not modules to collect."""

collect_ignore = ["scripts"]
