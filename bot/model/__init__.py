"""The trained model: loading, scoring, grading its predictions."""
