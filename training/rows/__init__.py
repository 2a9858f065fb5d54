"""What makes rows: outcomes attributed, labels, point-in-time training sets, their split."""
