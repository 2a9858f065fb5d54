"""What judges: evidence for the gates, and faults planted to see them refuse."""
