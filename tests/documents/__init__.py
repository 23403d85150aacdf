"""Tests of documents, and what makes their validators."""
