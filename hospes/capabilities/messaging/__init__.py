"""Messages: templates, and each message with its delivery life."""
