"""The command line: what people type, and what it says back. Its face is `main`, imported where it is called."""
