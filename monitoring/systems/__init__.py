"""What each system watches, and its limits."""
