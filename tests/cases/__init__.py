"""Guideline cases: data files a clinician can review, and what turns them into requests and checks."""
