"""Wi-Fi: portals and who signed in, sessions that RADIUS opens and closes, and the visits they make."""
