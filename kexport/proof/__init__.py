"""Proves artifacts: reads them back, runs them in every engine that is installed, and judges what they compute."""
