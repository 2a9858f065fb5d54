"""What is known of the one who asks, read from Redis once a request."""
