"""What staff see in their browser: signing in, connected apps, and whether to connect one. In English."""
