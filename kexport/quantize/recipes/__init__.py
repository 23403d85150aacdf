"""What each layer is to be stored and computed in, as data."""
