"""Whose order is whose, kept on disk and shared by the relay processes of a firm."""
