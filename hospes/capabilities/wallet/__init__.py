"""The wallet: everything a guest holds, links to it, codes for the till, passes for phones."""
