"""Analytics: figures kept up to date from the log, and a way to prove them."""
