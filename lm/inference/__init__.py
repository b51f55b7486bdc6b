"""What else a trained model is used for: filling gaps, classifying, scoring, embedding."""
