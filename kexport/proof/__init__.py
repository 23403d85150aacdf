"""Proves artifacts: reads them back, runs them in every installed engine, and judges their outputs."""
