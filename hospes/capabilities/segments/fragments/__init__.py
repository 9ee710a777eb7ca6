"""What segments can ask: one file for each owner of what is asked about."""
