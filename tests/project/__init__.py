"""Tests of project files and builds."""
