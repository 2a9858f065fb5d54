"""What comes back: impressions shown, events taken in, and the files they land in."""
