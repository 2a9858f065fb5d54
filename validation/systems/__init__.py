"""What the tables of each system must look like."""
