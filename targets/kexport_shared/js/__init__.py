"""Shared by targets that run in JavaScript: engines in Node and in a browser."""
